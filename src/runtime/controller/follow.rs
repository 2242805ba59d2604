//! A watch that does not end: listed anew where the cluster forgot, taken up where a connection broke off.

use futures_util::StreamExt as _;
use futures_util::stream::{self, BoxStream};
use serde_json::Value;

use crate::cluster::{Client, ClientError, Resource, Watched};

/// What is ours, as the cluster is asked for it.
pub(super) const OURS: &str = "app.kubernetes.io/managed-by=holdfast,holdfast.dev/environment-id";

/// What a watch shows.
pub(super) enum Shown {
    /// All there is: what is not among it is gone.
    All(Vec<Value>),
    /// One change.
    One(Watched),
}

type Watch = BoxStream<'static, Result<Watched, ClientError>>;

struct State {
    client: Client,
    resource: Resource,
    version: Option<String>,
    watch: Option<Watch>,
}

/// Follows everything of ours of one kind. After an error it is over.
pub(super) fn follow(client: Client, resource: Resource) -> BoxStream<'static, (Resource, Result<Shown, ClientError>)> {
    let state = State { client, resource, version: None, watch: None };
    let shown = stream::unfold(Some(state), |state| async move {
        let mut state = state?;
        let resource = state.resource;
        match next(&mut state).await {
            Ok(shown) => Some(((resource, Ok(shown)), Some(state))),
            Err(error) => Some(((resource, Err(error)), None)),
        }
    });
    shown.boxed()
}

async fn next(state: &mut State) -> Result<Shown, ClientError> {
    loop {
        let Some(version) = state.version.clone() else {
            let listed = state.client.list(state.resource, None, OURS, "").await?;
            state.version = Some(listed.version);
            state.watch = None;
            return Ok(Shown::All(listed.items));
        };
        if state.watch.is_none() {
            match state.client.watch(state.resource, None, OURS, &version).await {
                Ok(watch) => state.watch = Some(watch.boxed()),
                Err(ClientError::Expired) => {
                    state.version = None;
                    continue;
                }
                Err(error) => return Err(error),
            }
        }
        let Some(watch) = &mut state.watch else { continue };
        match watch.next().await {
            Some(Ok(Watched::Mark(version))) => state.version = Some(version),
            Some(Ok(shown)) => {
                if let Watched::Changed(object) | Watched::Gone(object) = &shown
                    && let Some(version) = object["metadata"]["resourceVersion"].as_str()
                {
                    state.version = Some(version.to_owned());
                }
                return Ok(Shown::One(shown));
            }
            Some(Err(ClientError::Expired)) => state.version = None,
            Some(Err(error)) => return Err(error),
            // The cluster ends watches after a while.
            None => state.watch = None,
        }
    }
}
