//! The appliance itself.

use actix_web::web::Data;
use serde::Serialize;
use utoipa::ToSchema;

use super::{Answer, ok};
use crate::db::Db;
use crate::http::extract::Known;
use crate::http::schema::InstanceId;
use crate::http::state::State;
use crate::ledger::public_key_text;
use crate::telemetry::VERSION;

/// What this appliance is. Nothing of it is secret.
#[derive(Serialize, ToSchema)]
pub(crate) struct InstanceAnswer {
    /// Its id.
    id: InstanceId,
    /// The running program's version.
    version: &'static str,
    /// The database schema's version.
    schema_version: u32,
    /// The URL it is reached by.
    public_url: String,
    /// The fingerprint of the root key.
    key_fingerprint: String,
    /// What checkpoints are verified with.
    ledger_public_key: String,
}

/// What this appliance is.
#[utoipa::path(get, path = "/instance", operation_id = "instance_get",
    responses((status = 200, description = "The appliance.", body = InstanceAnswer)))]
pub(crate) async fn get(state: Data<State>, Known(op, _): Known) -> Answer {
    let instance = op.keyring().instance();
    ok(&InstanceAnswer {
        id: instance.id(),
        version: VERSION,
        schema_version: Db::schema_version(),
        public_url: state.public_url.to_string(),
        key_fingerprint: op.keyring().fingerprint().to_string(),
        ledger_public_key: public_key_text(instance.id(), &instance.ledger_signer().public_key()),
    })
}
