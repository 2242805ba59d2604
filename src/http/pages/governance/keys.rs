//! Keys: the organization's with its rotation, and for instance operators the root key and the recovery kit.

use askama::Template;
use serde::Deserialize;

use super::{Done, is_told, status_of};
use crate::governance;
use crate::http::api::Answer;
use crate::http::error::Problem;
use crate::http::extract::Query;
use crate::http::pages::failure::Told;
use crate::http::pages::form::Form;
use crate::http::pages::frame::{Frame, Section};
use crate::http::pages::show_as::ShowAs;
use crate::http::pages::ui;
use crate::http::pages::visitor::{Theme, Visitor};
use crate::keys::replace::NewRoot;
use crate::keys::{Fingerprint, HistoryEntry, Source};
use crate::policy::Action;
use crate::types::Limit;
use crate::vault::VaultError;
use crate::vault::rekey::{self, KeyRotation, RotationState};
use crate::vault::secret::author_names;

/// How many keys a page shows.
const ROWS: u32 = 500;

/// A key and who asked for it.
type Entry = (HistoryEntry, String);

/// The page.
#[derive(Template)]
#[template(path = "keys.html")]
struct KeysPage {
    frame: Frame,
    keys: Vec<Entry>,
    rotation: Option<KeyRotation>,
    /// All keys of the instance; none for who does not operate it.
    instance: Option<Vec<Entry>>,
    told: Option<Told>,
    show_as: ShowAs,
}

impl KeysPage {
    fn percent(rotation: &KeyRotation) -> u64 {
        if rotation.state == RotationState::Done { 100 } else { rotation.seen * 100 / rotation.total.max(1) }
    }

    fn is_open(rotation: &KeyRotation) -> bool {
        rotation.state != RotationState::Done
    }

    /// A root key that was replaced and still opens the database.
    fn is_older_root((key, _): &&Entry) -> bool {
        key.kind == "root" && !key.is_newest && key.retired_at.is_none()
    }

    fn rows(n: u64) -> String {
        ui::number(usize::try_from(n).unwrap_or(usize::MAX))
    }
}

/// The progress alone, as it is asked for again and again.
#[derive(Template)]
#[template(path = "key_rotation.html")]
struct RotationPart {
    frame: Frame,
    rotation: Option<KeyRotation>,
}

impl RotationPart {
    fn percent(rotation: &KeyRotation) -> u64 {
        KeysPage::percent(rotation)
    }

    fn rows(n: u64) -> String {
        KeysPage::rows(n)
    }
}

async fn named(visitor: &Visitor, keys: Vec<HistoryEntry>) -> Result<Vec<Entry>, Problem> {
    let ids = keys.iter().map(|k| k.created_by.map(|id| id.to_string()).unwrap_or_default()).collect();
    let names = author_names(&visitor.op, ids).await?;
    let name = |name: String| if name.is_empty() { "the instance itself".to_owned() } else { name };
    Ok(keys.into_iter().zip(names.into_iter().map(name)).collect())
}

/// The newest rotation, when there was one.
async fn rotation(visitor: &Visitor) -> Result<Option<KeyRotation>, Problem> {
    match rekey::rotation_get(&visitor.op).await {
        Ok(rotation) => Ok(Some(rotation)),
        Err(VaultError::NotFound { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Shows them.
pub(super) async fn page(visitor: Visitor, Query(query): Query<Done>) -> Answer {
    if visitor.is_partial {
        let rotation = rotation(&visitor).await?;
        let frame = visitor.frame("Keys", Section::Settings, None).await?;
        return visitor.show(&RotationPart { frame, rotation });
    }
    show(&visitor, query.done.as_deref(), None).await
}

async fn show(visitor: &Visitor, done: Option<&str>, told: Option<Told>) -> Answer {
    let (op, limit) = (&visitor.op, Limit::parse(ROWS)?);
    let keys = rekey::key_list(op, limit, None).await?.items;
    let keys = named(visitor, keys).await?;
    let instance = if op.identity()?.principal.instance_operator {
        let all = governance::key_list(op, limit, None).await?.items;
        let own = all.into_iter().filter(|k| k.kind != "organization").collect();
        Some(named(visitor, own).await?)
    } else {
        None
    };
    let rotation = rotation(visitor).await?;
    let frame = visitor.frame("Keys", Section::Settings, None).await?;
    let frame = frame.crumb("Home", "/").crumb("Settings", "/organization").crumb("Keys", "/organization/keys");
    let show_as = ShowAs::of(visitor, "holdfast keys rotate-org --wait", ("POST", "/keys/rotate"), "", "keys: rotate");
    let status = status_of(told.as_ref());
    let frame = frame.help("keys").notice(done);
    visitor.show_as(status, &KeysPage { frame, keys, rotation, instance, told, show_as })
}

/// What shall be done with keys.
#[derive(Deserialize)]
pub(super) struct KeyForm {
    /// `rotate`, `pause`, `resume`, `rotate-root` or `retire-root`.
    #[serde(default)]
    act: String,
    /// The root key that is retired.
    #[serde(default)]
    fingerprint: String,
    /// Its fingerprint, or the organization's word for a new key, typed to show that it is meant.
    #[serde(default)]
    confirm: String,
}

/// Begins, pauses or resumes a rotation; replaces or retires the root key.
pub(super) async fn act(Form(visitor, form): Form<KeyForm>) -> Answer {
    let op = &visitor.op;
    let source = || Source::from(&visitor.state.parts.settings.keys.source);
    let done = match form.act.as_str() {
        "rotate" => rekey::key_rotate(op).await.map(drop).map_err(Problem::from),
        "pause" => rekey::rotation_pause(op).await.map(drop).map_err(Problem::from),
        "resume" => rekey::rotation_resume(op).await.map(drop).map_err(Problem::from),
        "rotate-root" => {
            governance::root_key_rotate(op, source(), NewRoot::Generate).await.map(drop).map_err(Problem::from)
        }
        "retire-root" => retire(&visitor, &form, source()).await,
        _ => Err(Problem::invalid("form_invalid", "choose what shall be done")),
    };
    match done {
        Ok(()) => Visitor::go("/organization/keys?done=started"),
        Err(problem) if is_told(&problem) => show(&visitor, None, Some(Told::of(&problem))).await,
        Err(problem) => Err(problem),
    }
}

async fn retire(visitor: &Visitor, form: &KeyForm, source: Source) -> Result<(), Problem> {
    if form.confirm.trim() != form.fingerprint {
        let problem = Problem::invalid("confirmation_wrong", "type the fingerprint to show that it is meant");
        return Err(problem.field("confirm", "confirmation_wrong"));
    }
    let fingerprint = Fingerprint::parse(&form.fingerprint)?;
    Ok(governance::root_key_retire(&visitor.op, source, fingerprint).await?)
}
