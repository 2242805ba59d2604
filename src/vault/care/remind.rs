//! Telling of ends in time: in the ledger, and by mail whoever set them.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::time::Duration;

use super::store::{self, Due};
use crate::db::Reader;
use crate::ledger::{ActionName, Details, Outcome};
use crate::notify::{Letter, MailError, Mailer};
use crate::op::Op;
use crate::orgs::{access, environment, organization};
use crate::types::{Email, Id, SecretString, Timestamp, kinds};
use crate::vault::VaultError;

/// Secrets of an organization expire soon, or have expired.
const EXPIRING: ActionName = ActionName::new("job.remind_expiring");
/// What happens here without a permission.
pub const ACTIONS: &[ActionName] = &[EXPIRING];

/// How long before its end a secret is told of.
const SOON: Duration = Duration::from_hours(14 * 24);
/// Environments one mail names; it says how many others there are.
const NAMED_MAX: usize = 5;
/// People one end is told to, when whoever set it cannot be.
const OWNERS_MAX: usize = 10;

/// What was told of: how much, and who is to be written to about it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Told {
    /// Secrets.
    pub secrets: usize,
    /// Organizations.
    pub organizations: usize,
    /// One for each person and organization.
    pub reminders: Vec<Reminder>,
}

/// What one person is told of one organization: where and how many, never which.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reminder {
    /// Who.
    pub to: Email,
    /// The organization's name.
    pub organization: String,
    /// By environment, as `shop/staging`.
    pub places: BTreeMap<String, Ends>,
}

/// Ends in one environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Ends {
    /// So many come soon.
    pub soon: usize,
    /// So many are over.
    pub over: usize,
}

impl Ends {
    const fn plus(self, other: Self) -> Self {
        Self { soon: self.soon + other.soon, over: self.over + other.over }
    }
}

/// Tells each organization of its secrets that expire within two weeks, and again when they have: one event lists
/// them. Who set an end is to be written to, or the owners when that is no member any more. Looks at most at
/// `at_once`; call it until it tells of none.
///
/// # Errors
/// The database failed.
pub async fn expiry_remind(op: &Op, at_once: usize) -> Result<Told, VaultError> {
    op.write(move |op, tx| {
        let now = op.now();
        let mut organizations: BTreeMap<Id<kinds::Organization>, Vec<Due>> = BTreeMap::new();
        let mut told = Told::default();
        for due in store::expiries_due(tx, now, now.plus(SOON), at_once)? {
            store::expiry_told(tx, due.id, due.expires_at <= now)?;
            told.secrets += 1;
            organizations.entry(due.organization).or_default().push(due);
        }
        told.organizations = organizations.len();
        for (organization, due) in organizations {
            told.reminders.extend(reminders(tx, organization, &due, now)?);
            let secrets: Vec<_> = due.iter().map(|d| (d.id, d.expires_at)).collect();
            let details = Details::large().with("count", secrets.len()).with("secrets", secrets);
            let event = op.event(EXPIRING, Outcome::Allowed).organization(organization);
            op.record(tx, event.details(details))?;
        }
        Ok(told)
    })
    .await
}

fn reminders(
    reader: &Reader<'_>,
    organization: Id<kinds::Organization>,
    due: &[Due],
    now: Timestamp,
) -> Result<Vec<Reminder>, VaultError> {
    let name = organization::store::organization_get(reader, organization)?.map_or_else(String::new, |o| o.name);
    let mut places = BTreeMap::new();
    let mut people: BTreeMap<&str, Vec<Email>> = BTreeMap::new();
    let mut all: BTreeMap<Email, BTreeMap<String, Ends>> = BTreeMap::new();
    for one in due {
        let place = match places.entry(one.environment) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(unknown) => {
                let found = environment::store::environment_get(reader, one.environment)?;
                unknown.insert(found.map(|e| format!("{}/{}", e.project_slug, e.slug)))
            }
        };
        let Some(place) = place else { continue };
        let to = match people.entry(&one.set_by) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(unknown) => unknown.insert(access::mailboxes(reader, organization, &one.set_by, OWNERS_MAX)?),
        };
        let is_over = one.expires_at <= now;
        let more = Ends { soon: usize::from(!is_over), over: usize::from(is_over) };
        for to in to.iter() {
            let ends = all.entry(to.clone()).or_default().entry(place.clone()).or_default();
            *ends = ends.plus(more);
        }
    }
    Ok(all.into_iter().map(|(to, places)| Reminder { to, organization: name.clone(), places }).collect())
}

/// Puts the reminders on their way; answers how many that are. One that cannot be posted is logged: the ledger has it.
pub fn remind_by_mail(mailer: &Mailer, server: &str, reminders: Vec<Reminder>) -> usize {
    if !mailer.is_configured() {
        return 0;
    }
    let mut posted = 0;
    for reminder in reminders {
        let to = reminder.to.clone();
        match letter(server, &reminder).to(to, server).and_then(|mail| mailer.post(mail)) {
            Ok(()) => posted += 1,
            Err(error @ MailError::Full) => {
                tracing::warn!(%error, "not everybody is reminded of what expires");
                break;
            }
            Err(error) => tracing::warn!(%error, "somebody was not reminded of what expires"),
        }
    }
    posted
}

fn letter(server: &str, reminder: &Reminder) -> Letter {
    let all = reminder.places.values().copied().fold(Ends::default(), Ends::plus);
    let mut paragraphs = vec![format!("In {}, {}.", reminder.organization, words(all))];
    let named = reminder.places.iter().take(NAMED_MAX);
    paragraphs.extend(named.map(|(place, ends)| format!("{place}: {}.", words(*ends))));
    if let Some(more) = reminder.places.len().checked_sub(NAMED_MAX).filter(|n| *n > 0) {
        paragraphs.push(format!("And in {more} more environments."));
    }
    paragraphs.push(
        "Programs that use such a value go on: nothing is taken away. Replace it where it comes from, store the new \
         one, and say until when that is good; `holdfast secrets expiring --all-projects` lists all of them."
            .to_owned(),
    );
    let first = reminder.places.keys().next().and_then(|place| place.split_once('/'));
    let link = first.map_or_else(|| server.to_owned(), |(p, e)| format!("{server}/projects/{p}/environments/{e}"));
    Letter {
        subject: "Secrets expire soon or have expired",
        paragraphs,
        action: Some(("Open the first environment", SecretString::new(link))),
        note: "You said until when these values are good, or you own the organization.",
    }
}

/// `3 secrets expire within 14 days, and 1 has expired`.
fn words(ends: Ends) -> String {
    let days = SOON.as_secs() / (24 * 3_600);
    let soon = match ends.soon {
        0 => None,
        1 => Some(format!("1 secret expires within {days} days")),
        n => Some(format!("{n} secrets expire within {days} days")),
    };
    let over = match (ends.over, &soon) {
        (0, _) => None,
        (1, None) => Some("1 secret has expired".to_owned()),
        (n, None) => Some(format!("{n} secrets have expired")),
        (1, Some(_)) => Some("1 has expired".to_owned()),
        (n, Some(_)) => Some(format!("{n} have expired")),
    };
    [soon, over].into_iter().flatten().collect::<Vec<_>>().join(", and ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reminder_counts_and_names_no_secret() {
        let to = Email::parse("ada@example.com").unwrap();
        let places: BTreeMap<_, _> =
            (0..7).map(|n| (format!("shop/env-{n}"), Ends { soon: n % 3, over: usize::from(n == 0) })).collect();
        let letter = letter("https://h.example", &Reminder { to, organization: "Acme".into(), places });
        assert_eq!(letter.paragraphs[0], "In Acme, 6 secrets expire within 14 days, and 1 has expired.");
        assert_eq!(letter.paragraphs[1], "shop/env-0: 1 secret has expired.");
        assert_eq!(letter.paragraphs[NAMED_MAX + 1], "And in 2 more environments.");
        let link = letter.action.unwrap().1;
        assert_eq!(link.expose(), "https://h.example/projects/shop/environments/env-0");
    }
}
