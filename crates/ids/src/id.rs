//! What every id can do.

use thiserror::Error;

/// Why something is not an id.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum IdError {
    /// Wrong number of bytes.
    #[error("a {kind} id is 16 bytes, not {length}")]
    Length {
        /// Kind of id.
        kind: &'static str,
        /// Bytes given.
        length: usize,
    },
    /// Not 32 hexadecimal digits.
    #[error("a {kind} id is 32 hexadecimal digits, not {text:?}")]
    Text {
        /// Kind of id.
        kind: &'static str,
        /// What was given, cut to 64 characters.
        text: String,
    },
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident = $kind:literal;)+) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; 16]);

        impl $name {
            /// The kind's name, as it stands in messages.
            pub const KIND: &'static str = $kind;

            /// Takes bytes as they are.
            #[must_use]
            pub const fn from_array(bytes: [u8; 16]) -> Self {
                Self(bytes)
            }

            /// Reads an id from a message or a row.
            ///
            /// # Errors
            /// When there are not 16 bytes.
            pub fn from_bytes(bytes: &[u8]) -> Result<Self, $crate::IdError> {
                bytes.try_into().map(Self).map_err(|_| $crate::IdError::Length { kind: $kind, length: bytes.len() })
            }

            /// The 16 bytes.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; 16] {
                &self.0
            }

            /// The 16 bytes, for a message.
            #[must_use]
            pub fn to_vec(self) -> Vec<u8> {
                self.0.to_vec()
            }

            /// Starts a derivation in this id's domain.
            #[must_use]
            pub fn derivation(name: &str) -> $crate::Derivation {
                $crate::Derivation::new($kind, name)
            }
        }

        impl From<$crate::Derivation> for $name {
            fn from(derivation: $crate::Derivation) -> Self {
                Self(derivation.finish())
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&hex::encode(self.0))
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, "{}:{self}", $kind)
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::IdError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                let mut id = [0; 16];
                hex::decode_to_slice(text, &mut id)
                    .map_err(|_| $crate::IdError::Text { kind: $kind, text: text.chars().take(64).collect() })?;
                Ok(Self(id))
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    )+};
}

pub(crate) use ids;
