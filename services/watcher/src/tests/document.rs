//! Catalogues of our own.

/// An entry whose text changes with `text`.
pub(super) fn entry(number: u32, text: &str) -> (u32, String) {
    (number, text.to_owned())
}

/// `count` entries that say the same.
pub(super) fn entries(count: u32) -> Vec<(u32, String)> {
    (1..=count).map(|number| entry(number, "a hole")).collect()
}

/// A catalogue released on a day of January 2025.
pub(super) fn catalogue(day: u32, entries: &[(u32, String)]) -> String {
    let list: Vec<String> = entries
        .iter()
        .map(|(number, text)| {
            format!(
                r#"{{"cveID":"CVE-2025-{number:04}","vendorProject":"Example","product":"Server","vulnerabilityName":"{text}",
                "dateAdded":"2025-01-02","shortDescription":"d","requiredAction":"patch","dueDate":"2025-01-23",
                "knownRansomwareCampaignUse":"Unknown","notes":"https://example.org/{number}","cwes":["CWE-78"]}}"#
            )
        })
        .collect();
    format!(
        r#"{{"title":"t","catalogVersion":"2025.01.{day:02}","dateReleased":"2025-01-{day:02}T15:00:00Z","count":{},
        "vulnerabilities":[{}]}}"#,
        entries.len(),
        list.join(",")
    )
}
