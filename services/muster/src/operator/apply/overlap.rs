//! Where in the files stands what does not go together with the sites that stand. The gateway knows no files, so the
//! same check is made here, with those sites fetched.

use muster_bus::convert::estate::site_from_proto;
use muster_estate::check::check_estate;
use muster_estate::files::{Declared, Estate, Places};
use muster_kit::Failure;
use muster_proto::v1::ListSitesRequest;

use super::told;
use crate::operator::client::Client;
use crate::operator::output::Output;

/// Sites of one page: the most that a gateway gives.
const PAGE: i32 = 1_000;

/// The failure with file and line; the gateway's own where the check finds nothing here.
pub(super) async fn named(
    failure: Failure,
    mut estate: Estate,
    prune: bool,
    client: &Client,
    output: &mut Output,
) -> Failure {
    if !prune {
        match standing(&estate, client).await {
            Ok(standing) => estate.sites.extend(standing),
            Err(_) => return failure,
        }
    }
    // The realms of the files were checked when they were read; the sites that stand may be in others.
    estate.realms.clear();
    match check_estate(&estate) {
        Err(problems) => told("apply", &problems, output),
        Ok(()) => failure,
    }
}

/// The sites that stand and that no file declares.
async fn standing(estate: &Estate, client: &Client) -> Result<Vec<Declared>, Failure> {
    let mut found = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = client.request(ListSitesRequest { page_size: PAGE, page_token });
        let answer = client.answer("list sites", client.estate().list_sites(request).await)?;
        for document in answer.sites {
            let declared = estate.sites.iter().any(|declared| declared.site.name == document.site);
            if !declared && let Ok(site) = site_from_proto(&document) {
                found.push(Declared { site, places: Places::default() });
            }
        }
        page_token = answer.next_page_token;
        if page_token.is_empty() {
            return Ok(found);
        }
    }
}
