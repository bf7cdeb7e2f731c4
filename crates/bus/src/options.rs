//! Where the bus is and as whom to go there.

use std::fmt;
use std::path::PathBuf;

/// How to reach the bus.
#[derive(Clone, Default)]
pub struct BusOptions {
    /// `nats://host:port` or `tls://host:port`, without a user or a password.
    pub url: String,
    /// User; also the prefix of its inbox.
    pub user: String,
    /// Password; empty: none. Never printed.
    pub password: String,
    /// Name of the process, shown by the server.
    pub name: String,
    /// PEM file of the authority that signed the server's certificate; `None`: the system's.
    pub ca_file: Option<PathBuf>,
    /// PEM file of the certificate that this process shows a server that asks for one, then its intermediates.
    pub cert_file: Option<PathBuf>,
    /// PEM file of its private key.
    pub key_file: Option<PathBuf>,
}

impl fmt::Debug for BusOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BusOptions")
            .field("url", &self.url)
            .field("user", &self.user)
            .field("password", &"…")
            .field("name", &self.name)
            .field("ca_file", &self.ca_file)
            .field("cert_file", &self.cert_file)
            .field("key_file", &self.key_file)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_password_is_never_printed() {
        let options =
            BusOptions { user: "recorder".to_owned(), password: "hunter2".to_owned(), ..BusOptions::default() };
        let printed = format!("{options:?}");
        assert!(printed.contains("recorder") && !printed.contains("hunter2"), "{printed}");
    }
}
