//! VerdictService: verdicts as they stand, or stood.

use std::sync::Arc;

use muster_bus::convert::time;
use muster_proto::v1::verdict_service_server::VerdictService;
use muster_proto::v1::{ListVerdictsRequest, ListVerdictsResponse};
use muster_store::query::{VERDICT_COLUMNS, VerdictKey};
use tonic::{Request, Response, Status};

use crate::answer;
use crate::core::Core;
use crate::error::Answer;
use crate::guard::Access;
use crate::lists::{Asked, Listing};

/// The service.
#[derive(Debug, Clone)]
pub(crate) struct VerdictRpc(pub(crate) Arc<Core>);

#[tonic::async_trait]
impl VerdictService for VerdictRpc {
    async fn list_verdicts(
        &self,
        request: Request<ListVerdictsRequest>,
    ) -> Result<Response<ListVerdictsResponse>, Status> {
        let access = Access::of(&request)?;
        Ok(Response::new(self.list(&access, &request.into_inner()).await?))
    }
}

impl VerdictRpc {
    async fn list(&self, access: &Access, request: &ListVerdictsRequest) -> Answer<ListVerdictsResponse> {
        let asked = Asked {
            call: "ListVerdicts",
            filter: &request.filter,
            page_size: request.page_size,
            page_token: &request.page_token,
            as_of: time::optional("as_of", request.as_of.as_ref())?,
            columns: VERDICT_COLUMNS,
        };
        let listing = Listing::<VerdictKey>::new(&self.0, access, asked)?;
        self.0.judged(request.at_least_sequence, access.deadline()).await?;
        let rows = self.0.store.list_verdicts(&listing.list).await?;
        let key = |row: &muster_store::query::ListedVerdict| (row.site.clone(), row.host_id, row.subject.clone());
        let (rows, next_page_token) = listing.page(&self.0, rows, key);
        let realms = self.0.realms.current();
        let verdicts = rows.into_iter().map(|row| {
            let realm = realms.of(&row.site);
            answer::verdict(row, realm)
        });
        Ok(ListVerdictsResponse { verdicts: verdicts.collect(), next_page_token })
    }
}
