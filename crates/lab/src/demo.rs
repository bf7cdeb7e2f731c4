//! The demo's world as data: two sites of listeners and this machine, what their estate and inventories say, and
//! what has to come out.

/// About 60 listeners of dublin and redmond, for [`crate::read_listeners`].
pub const LISTENERS: &str = include_str!("../data/listeners.csv");

/// Estate files, (name, text) each.
pub const ESTATE: [(&str, &str); 3] = [
    ("here.yaml", include_str!("../data/estate/here.yaml")),
    ("dublin.yaml", include_str!("../data/estate/dublin.yaml")),
    ("redmond.yaml", include_str!("../data/estate/redmond.yaml")),
];

/// Inventories, (site, CSV) each.
pub const INVENTORIES: [(&str, &str); 3] = [
    ("here", include_str!("../data/inventory/here.csv")),
    ("dublin", include_str!("../data/inventory/dublin.csv")),
    ("redmond", include_str!("../data/inventory/redmond.csv")),
];

/// What a sweep of the sites has to find, as TOML: a table a site.
pub const TRUTH: &str = include_str!("../data/truth.toml");
