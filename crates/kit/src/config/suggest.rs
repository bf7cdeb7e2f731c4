//! Unknown keys, and what was probably meant.

use super::ConfigError;
use super::layers::{Node, PREFIX, Place, Value};
use super::shape::Shape;

/// Refuses the first key of a layer that the configuration does not have.
pub(super) fn check(layer: &Node, shape: &Shape) -> Result<(), ConfigError> {
    check_at(layer, shape, "", shape)
}

fn check_at(node: &Node, shape: &Shape, path: &str, root: &Shape) -> Result<(), ConfigError> {
    let Shape::Fields(fields) = shape else { return Ok(()) };
    let Value::Table(entries) = &node.value else {
        // An optional section may be unset as a whole; anything else serde refuses, with the type.
        return Ok(());
    };
    for (key, entry) in entries {
        let full = join(path, key);
        let Some(inner) = fields.get(key.as_str()) else {
            return Err(unknown(full, entry.place.clone(), root));
        };
        check_at(entry, inner, &full, root)?;
    }
    Ok(())
}

pub(super) fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

/// The error for a key that no section has.
pub(super) fn unknown(key: String, place: Place, root: &Shape) -> ConfigError {
    let hint = match nearest(&key, &root.keys()) {
        Some(near) => format!("; did you mean {}?", spelled(&near, &place)),
        None => "; --print-config shows all keys".to_owned(),
    };
    ConfigError::Unknown { key, place, hint }
}

/// The known key that is fewest edits away, when that is few. The right name in the wrong section counts as two.
pub(super) fn nearest(key: &str, known: &[String]) -> Option<String> {
    let last = |path: &str| path.rsplit('.').next().unwrap_or_default().to_owned();
    let distance = |path: &String| {
        let whole = strsim::damerau_levenshtein(key, path);
        let name = strsim::damerau_levenshtein(&last(key), &last(path)) + 2;
        // A word that was left away: "data" of "data_dir".
        let begun = path.strip_prefix(key).is_some_and(|rest| rest.starts_with('_'));
        if begun { 1 } else { whole.min(name) }
    };
    let (best, path) = known.iter().map(|path| (distance(path), path)).min()?;
    // A third of the name mistyped is still a typing error; more is another word.
    (best <= (last(key).len() / 3).max(2)).then(|| path.clone())
}

/// As it would be written where the unknown one stands.
fn spelled(key: &str, place: &Place) -> String {
    match place {
        Place::Environment(_) => format!("{PREFIX}{}", key.replace('.', "__").to_ascii_uppercase()),
        Place::Default | Place::File { .. } | Place::Flag(_) => format!("{key:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn a_name_that_was_cut_is_known_again() {
        let known = ["up.data_dir", "up.engines", "store.database"].map(str::to_owned);
        assert_eq!(nearest("up.data", &known).as_deref(), Some("up.data_dir"));
        assert_eq!(nearest("up.engine", &known).as_deref(), Some("up.engines"));
        assert_eq!(nearest("up.d", &known), None);
    }
}
