//! One self-contained page about all sites: for whoever decides, and for whoever has to repeat it.
//!
//! [`render`] is a pure function of [`ReportData`]; the same data is what `-o json` prints. The page loads nothing and
//! runs nothing, and every value in it is escaped: banners are hostile.

mod convert;
mod data;
mod draw;
mod escape;
mod sections;
#[cfg(test)]
mod tests;
mod words;

pub use data::{
    Audit, Coverage, DrawnHost, EvidenceItem, FindingItem, Ledger, NextStep, ReportData, SilentAsset, SiteFigures,
    StoryItem, TableCount,
};

pub(crate) use words::percent_up;

use escape::Html;

const STYLE: &str = include_str!("report/style.css");

/// The page.
#[must_use]
pub fn render(data: &ReportData) -> String {
    let mut page = Html::default();
    page.raw("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
    page.raw("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n");
    // Whatever slipped through the escaping could still neither load nor run anything.
    page.raw(
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n",
    );
    page.raw("<meta name=\"color-scheme\" content=\"light dark\">\n<title>");
    page.text(&data.title);
    page.raw("</title>\n<style>\n");
    page.raw(STYLE);
    page.raw("</style>\n</head>\n<body>\n<main>\n");
    sections::head(&mut page, data);
    sections::sites(&mut page, data);
    sections::coverage(&mut page, data);
    sections::findings(&mut page, data);
    sections::silent(&mut page, data);
    sections::audit(&mut page, data);
    sections::ledger(&mut page, data);
    sections::story(&mut page, data);
    sections::next(&mut page, data);
    page.raw("</main>\n</body>\n</html>\n");
    page.finish()
}
