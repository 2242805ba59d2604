//! The end of what runs: moved by whoever may deploy, and told of before it comes.

use std::time::Duration;

use super::deploy::{deploy_action, later};
use super::error::RuntimeError;
use super::model::{Runtime, Wish};
use super::store::{self, Ending};
use super::wishes::{At, Found, find, require};
use crate::db::Reader;
use crate::ledger::{ActionName, Details, Outcome, Target};
use crate::notify::{Letter, MailError, Mailer};
use crate::op::Op;
use crate::orgs::{access, organization};
use crate::runtime::blueprint::Lasting;
use crate::runtime::stored;
use crate::types::{Email, Id, SecretString, Timestamp, kinds};

/// What runs in an environment is destroyed by itself soon.
const ACTION_EXPIRING: ActionName = ActionName::new("runtime.expiring");
/// Its time was over; denied where it is protected.
const ACTION_EXPIRED: ActionName = ActionName::new("runtime.expired");
/// What happens here without a permission.
pub const ACTIONS: &[ActionName] = &[ACTION_EXPIRING, ACTION_EXPIRED];

/// The furthest end there is.
const END_MAX: Duration = Duration::from_hours(366 * 24);
/// How long before its end something is told of, at most; what lives shorter than five times that, a fifth of its time
/// before.
const WARNING_MAX: Duration = Duration::from_hours(24);
/// People one end is told to, when whoever deployed cannot be.
const OWNERS_MAX: usize = 10;

/// How long before its end what lives this long is told of.
pub(super) fn warning(life: Duration) -> Duration {
    (life / 5).min(WARNING_MAX)
}

/// When something shall end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Extension {
    /// As its blueprint says, from now.
    Usual,
    /// So long from now.
    For(Lasting),
    /// Then.
    Until(Timestamp),
    /// Never by itself.
    Never,
}

/// Moves the end of what runs, to any time between now and a year from now; the next deploy sets it as the blueprint says.
///
/// # Errors
/// Unknown or not allowed; nothing runs; the time is over or too far away, or none is named and the blueprint has none.
pub async fn extend(op: &Op, at: At, extension: Extension) -> Result<Runtime, RuntimeError> {
    op.write(move |op, tx| {
        let found = find(op, tx, &at)?;
        let event = op.authorize(tx, deploy_action(&found.placed), &found.placed.resource())?;
        require(&found, found.runtime.wish != Wish::Destroyed, "there is nothing that could last longer")?;
        let expires_at = end(tx, &found, &extension, op.now())?;
        store::end_put(tx, found.runtime.environment, expires_at, op.now())?;
        let details = Details::new().with("revision", found.runtime.revision).with("how", "extend");
        op.record(tx, event.details(details.with("expires_at", expires_at)))?;
        Ok(Runtime { expires_at, ..found.runtime })
    })
    .await
}

/// When something ends that is extended so.
fn end(
    reader: &Reader<'_>,
    found: &Found,
    extension: &Extension,
    now: Timestamp,
) -> Result<Option<Timestamp>, RuntimeError> {
    let at = match extension {
        Extension::Never => return Ok(None),
        Extension::For(lasting) => later(now, lasting.seconds()),
        Extension::Until(at) => *at,
        Extension::Usual => {
            let stored = stored::version(reader, found.placed.environment.id, found.revision.blueprint)?;
            let ttl = stored.and_then(|stored| stored.blueprint.ttl);
            let ttl = ttl.ok_or(RuntimeError::End("no time is named, and its blueprint has no ttl"))?;
            later(now, ttl.seconds())
        }
    };
    if at <= now {
        return Err(RuntimeError::End("that time is over"));
    }
    if at > now.plus(END_MAX) {
        return Err(RuntimeError::End("that is more than a year away"));
    }
    Ok(Some(at))
}

/// Destroys what has had its time, as if somebody had wished so: also what was stopped. What is protected is not destroyed,
/// as by hand; its time is over all the same, so that it does not end the moment somebody takes the protection away.
///
/// # Errors
/// The database failed.
pub async fn expire(op: &Op, environment: Id<kinds::Environment>) -> Result<(), RuntimeError> {
    op.write(move |op, tx| {
        let Some(runtime) = store::runtime_get(tx, environment)? else { return Ok(()) };
        if runtime.wish == Wish::Destroyed || runtime.expires_at.is_none_or(|at| at > op.now()) {
            return Ok(());
        }
        let organization = runtime.organization;
        let is_protected = access::placed(tx, organization, environment)?.is_some_and(|placed| placed.protected);
        let outcome = if is_protected {
            store::end_put(tx, environment, None, op.now())?;
            Outcome::Denied
        } else {
            super::wishes::end(op, tx, runtime)?;
            Outcome::Allowed
        };
        let event = op.event(ACTION_EXPIRED, outcome).organization(organization);
        op.record(tx, event.target(Target::new("environment", environment)))?;
        Ok(())
    })
    .await
}

/// What was told of, and who is to be written to about it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Told {
    /// Environments.
    pub environments: usize,
    /// One for each person and environment.
    pub warnings: Vec<Warning>,
}

/// What one person is told of one environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// Who.
    pub to: Email,
    /// The organization's name.
    pub organization: String,
    /// The environment, as `shop/staging`.
    pub place: String,
    /// When what runs there is destroyed.
    pub expires_at: Timestamp,
}

/// Tells of what is destroyed by itself soon: each end once, with an event in the ledger. Whoever deployed it is to be
/// written to, or the owners when that is no member any more. Looks at most at `at_once`; call it until it tells of none.
///
/// # Errors
/// The database failed.
pub async fn warn_due(op: &Op, at_once: u32) -> Result<Told, RuntimeError> {
    let now = op.now();
    if op.core().db.read(|reader| store::ends_due(reader, now, 1))?.is_empty() {
        return Ok(Told::default());
    }
    op.write(move |op, tx| {
        let mut told = Told::default();
        for due in store::ends_due(tx, op.now(), at_once)? {
            store::end_warned(tx, due.environment, op.now())?;
            told.environments += 1;
            told.warnings.extend(warnings(tx, &due)?);
            let event = op.event(ACTION_EXPIRING, Outcome::Allowed).organization(due.organization);
            let event = event.target(Target::new("environment", due.environment));
            op.record(tx, event.details(Details::new().with("expires_at", due.expires_at)))?;
        }
        Ok(told)
    })
    .await
}

fn warnings(reader: &Reader<'_>, due: &Ending) -> Result<Vec<Warning>, RuntimeError> {
    // What is protected is not destroyed, and what was deleted is on its way already.
    let placed = access::placed(reader, due.organization, due.environment)?.filter(|placed| !placed.protected);
    let Some(placed) = placed else { return Ok(Vec::new()) };
    let name = organization::store::organization_get(reader, due.organization)?.map_or_else(String::new, |o| o.name);
    let people = access::mailboxes(reader, due.organization, &due.author, OWNERS_MAX)?;
    let warning = |to| Warning { to, organization: name.clone(), place: placed.path(), expires_at: due.expires_at };
    Ok(people.into_iter().map(warning).collect())
}

/// Puts the warnings on their way; answers how many that are. One that cannot be posted is logged: the ledger has it, and
/// the status shows it.
pub fn warn_by_mail(mailer: &Mailer, server: &str, now: Timestamp, warnings: Vec<Warning>) -> usize {
    if !mailer.is_configured() {
        return 0;
    }
    let mut posted = 0;
    for warning in warnings {
        let to = warning.to.clone();
        match letter(server, now, &warning).to(to, server).and_then(|mail| mailer.post(mail)) {
            Ok(()) => posted += 1,
            Err(error @ MailError::Full) => {
                tracing::warn!(%error, "not everybody is told of what ends soon");
                break;
            }
            Err(error) => tracing::warn!(%error, "somebody was not told of what ends soon"),
        }
    }
    posted
}

fn letter(server: &str, now: Timestamp, warning: &Warning) -> Letter {
    let Warning { organization, place, expires_at, .. } = warning;
    let (project, environment) = place.split_once('/').unwrap_or((place.as_str(), ""));
    let left = left(expires_at.since(now));
    Letter {
        subject: "What runs in an environment ends soon",
        paragraphs: vec![
            format!("In {organization}, what runs in {place} is destroyed by itself in {left}, at {expires_at}."),
            "Its services end, and their storage is lost with what is in it. The blueprint and the secrets stay."
                .into(),
            format!("To keep it: `holdfast env extend --for 2d -p {project} -e {environment}`, or on its page."),
        ],
        action: Some((
            "Open its services",
            SecretString::new(format!("{server}/projects/{project}/environments/{environment}/services")),
        )),
        note: "You deployed it last, or you own the organization. If nobody needs it, do nothing.",
    }
}

/// A time that is left, in the largest unit that says enough.
fn left(time: Duration) -> String {
    let minutes = time.as_secs().div_ceil(60);
    let (n, unit) = if minutes >= 120 { (minutes / 60, "hour") } else { (minutes.max(1), "minute") };
    if n == 1 { format!("1 {unit}") } else { format!("{n} {unit}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lives_short_is_told_of_a_fifth_of_its_time_before() {
        let hours = Duration::from_hours;
        assert_eq!(warning(hours(7 * 24)), hours(24));
        assert_eq!(warning(hours(5 * 24)), hours(24));
        assert_eq!(warning(hours(10)), hours(2));
        assert_eq!(warning(Duration::ZERO), Duration::ZERO);
    }

    #[test]
    fn a_letter_says_where_when_and_what_to_do() {
        let now = Timestamp::from_micros(1_795_000_000_000_000);
        let warning = Warning {
            to: Email::parse("ada@example.com").expect("an address"),
            organization: "Acme".into(),
            place: "shop/pr-212".into(),
            expires_at: now.plus(Duration::from_hours(24)),
        };
        let letter = letter("https://h.example", now, &warning);
        assert!(
            letter.paragraphs[0].starts_with("In Acme, what runs in shop/pr-212 is destroyed by itself in 24 hours")
        );
        assert!(letter.paragraphs[2].contains("env extend --for 2d -p shop -e pr-212"));
        let link = letter.action.expect("a link").1;
        assert_eq!(link.expose(), "https://h.example/projects/shop/environments/pr-212/services");
        assert_eq!((left(Duration::from_secs(61)), left(Duration::ZERO)), ("2 minutes".into(), "1 minute".into()));
    }
}
