//! BulletinService: advisories at their latest revision.

use std::sync::Arc;

use muster_proto::v1::bulletin_service_server::BulletinService;
use muster_proto::v1::{ListBulletinsRequest, ListBulletinsResponse};
use muster_store::query::{BULLETIN_COLUMNS, BulletinKey};
use tonic::{Request, Response, Status};

use crate::answer;
use crate::core::Core;
use crate::error::Answer;
use crate::guard::Access;
use crate::lists::{Asked, Listing};

/// The service.
#[derive(Debug, Clone)]
pub(crate) struct BulletinRpc(pub(crate) Arc<Core>);

#[tonic::async_trait]
impl BulletinService for BulletinRpc {
    async fn list_bulletins(
        &self,
        request: Request<ListBulletinsRequest>,
    ) -> Result<Response<ListBulletinsResponse>, Status> {
        let access = Access::of(&request)?;
        Ok(Response::new(self.list(&access, &request.into_inner()).await?))
    }
}

impl BulletinRpc {
    async fn list(&self, access: &Access, request: &ListBulletinsRequest) -> Answer<ListBulletinsResponse> {
        let asked = Asked {
            call: "ListBulletins",
            filter: &request.filter,
            page_size: request.page_size,
            page_token: &request.page_token,
            as_of: None,
            columns: BULLETIN_COLUMNS,
        };
        let listing = Listing::<BulletinKey>::new(&self.0, access, asked)?;
        self.0.visible(request.at_least_sequence, access.deadline()).await?;
        let rows = self.0.store.list_bulletins(&listing.list).await?;
        let key =
            |row: &muster_store::query::ListedBulletin| (row.published_at, row.feed.clone(), row.bulletin_id.clone());
        let (rows, next_page_token) = listing.page(&self.0, rows, key);
        Ok(ListBulletinsResponse { bulletins: rows.into_iter().map(answer::bulletin).collect(), next_page_token })
    }
}
