//! The appliance itself.

use actix_web::http::header::{CACHE_CONTROL, HeaderValue};
use actix_web::web::Data;
use serde::Serialize;
use utoipa::ToSchema;

use super::{Answer, created, ok};
use crate::db::Db;
use crate::governance;
use crate::http::extract::Known;
use crate::http::schema::InstanceId;
use crate::http::state::State;
use crate::ledger::public_key_text;
use crate::orgs::setup;
use crate::telemetry::VERSION;
use crate::types::Timestamp;

/// What this appliance is. Nothing of it is secret.
#[derive(Serialize, ToSchema)]
pub(crate) struct InstanceAnswer {
    /// Its id.
    id: InstanceId,
    /// The running program's version.
    version: &'static str,
    /// The database schema's version.
    schema_version: u32,
    /// The version of the SQLite inside.
    sqlite_version: &'static str,
    /// When its first owner was made.
    set_up_at: Option<Timestamp>,
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
        sqlite_version: Db::sqlite_version(),
        set_up_at: op.core().db.read(setup::set_up_at)?,
        public_url: state.public_url.to_string(),
        key_fingerprint: op.keyring().fingerprint().to_string(),
        ledger_public_key: public_key_text(instance.id(), &instance.ledger_signer().public_key()),
    })
}

/// A recovery kit: the only answer that shows it.
#[derive(Serialize, ToSchema)]
pub(crate) struct RecoveryKitAnswer {
    /// The instance it belongs to.
    instance: InstanceId,
    /// The fingerprint of the root key it gives back.
    key_fingerprint: String,
    /// When it was made.
    created_at: Timestamp,
    /// The page to print, as plain text; not in a replay.
    #[schema(required = false)]
    kit: String,
}

/// Makes a recovery kit; the kits before it are void. For instance operators who signed in recently.
#[utoipa::path(post, path = "/instance/recovery-kit", operation_id = "recovery_kit_create",
    responses((status = 201, description = "The kit, shown this once.", body = RecoveryKitAnswer)))]
pub(crate) async fn recovery_kit(Known(op, _): Known) -> Answer {
    let kit = governance::recovery_kit_create(&op).await?;
    let mut response = created(&RecoveryKitAnswer {
        instance: kit.instance,
        key_fingerprint: kit.fingerprint.to_string(),
        created_at: kit.created_at,
        kit: kit.expose_page().expose().clone(),
    })?;
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}
