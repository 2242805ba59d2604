//! The recurring work of this binary.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;

use super::{Opened, setup_token};
use crate::cluster;
use crate::config::LedgerConfig;
use crate::db::{DbError, Reader};
use crate::jobs::{Cron, Job, Run, Schedule, Telling};
use crate::ledger;
use crate::links;
use crate::notify::Mailer;
use crate::op::{Core, Op, Origin, Who};
use crate::orgs::{account, deletion, invitation, token};
use crate::runtime::lifecycle;
use crate::types::Id;
use crate::vault::{care, rekey};

mod store;

/// Rows one commit of a job touches at most: other writers wait for it.
const AT_ONCE: u32 = 500;
/// Deletions purged in one commit: each is a tree of its own.
const PURGED_AT_ONCE: u32 = 4;
/// Commits of one run at most; what is left waits for the next one.
const COMMITS_MAX: usize = 1_000;
/// How often clusters are looked at.
const CLUSTERS_EVERY: Duration = Duration::from_secs(30);
/// How long the answer to an `Idempotency-Key` is kept.
const IDEMPOTENCY_LIFE: Duration = Duration::from_hours(24);

/// How jobs write to people.
#[derive(Clone)]
pub(super) struct Post {
    /// What sends.
    pub(super) mailer: Arc<Mailer>,
    /// The address people reach this instance by.
    pub(super) server: String,
}

/// All jobs of this appliance.
pub(super) fn all(opened: &Opened, post: Post) -> Vec<Arc<dyn Job>> {
    let core = || Arc::clone(&opened.core);
    let dir = opened.settings.data.dir.clone();
    vec![
        Arc::new(ExpireTokens(core())),
        Arc::new(ExpireLinks(core())),
        Arc::new(ExpireApprovals(core())),
        Arc::new(PurgeDeleted(core())),
        Arc::new(TellPeople { core: core(), post: post.clone() }),
        Arc::new(RemindExpiring { core: core(), post: post.clone() }),
        Arc::new(WarnEnding { core: core(), post }),
        Arc::new(Checkpoint { core: core(), config: opened.settings.ledger.clone() }),
        Arc::new(ResealSecrets(core())),
        Arc::new(LookAtClusters(core())),
        Arc::new(Tidy { core: core(), dir }),
    ]
}

/// Five fields that were checked by a test.
fn cron(text: &str) -> Schedule {
    Schedule::At(Cron::parse(text).expect("the schedules of this file are read by a test"))
}

fn op(core: &Arc<Core>, name: &'static str, run: Run) -> Op {
    Op::new(Arc::clone(core), Who::Job(name), Origin::default(), Id::new(run.at))
}

/// Voids tokens whose time is over. They are refused from that moment anyway; this takes them off the lists.
struct ExpireTokens(Arc<Core>);

impl Job for ExpireTokens {
    fn name(&self) -> &'static str {
        "expire_tokens"
    }

    fn schedule(&self) -> Schedule {
        cron("* * * * *")
    }

    fn run(&self, run: Run) -> BoxFuture<'_, anyhow::Result<String>> {
        async move {
            let op = op(&self.0, self.name(), run);
            let mut all = 0;
            for _ in 0..COMMITS_MAX {
                let expired = token::credential_expire_due(&op, AT_ONCE).await?;
                all += expired;
                if expired < AT_ONCE as usize {
                    break;
                }
            }
            Ok(format!("{all} expired"))
        }
        .boxed()
    }
}

/// Ends links whose time is over, and forgets those that ended long ago.
struct ExpireLinks(Arc<Core>);

impl Job for ExpireLinks {
    fn name(&self) -> &'static str {
        "expire_links"
    }

    fn schedule(&self) -> Schedule {
        cron("* * * * *")
    }

    fn run(&self, run: Run) -> BoxFuture<'_, anyhow::Result<String>> {
        async move {
            let op = op(&self.0, self.name(), run);
            let (mut expired, mut forgotten) = (0, 0);
            for _ in 0..COMMITS_MAX {
                let (ended, gone) =
                    (links::link_expire_due(&op, AT_ONCE).await?, links::link_purge(&op, AT_ONCE).await?);
                (expired, forgotten) = (expired + ended, forgotten + gone);
                if ended.max(gone) < AT_ONCE as usize {
                    break;
                }
            }
            Ok(format!("{expired} expired, {forgotten} forgotten"))
        }
        .boxed()
    }
}

/// Ends requests for approval nobody decided in time, and forgets those that ended long ago.
struct ExpireApprovals(Arc<Core>);

impl Job for ExpireApprovals {
    fn name(&self) -> &'static str {
        "expire_approvals"
    }

    fn schedule(&self) -> Schedule {
        cron("* * * * *")
    }

    fn run(&self, run: Run) -> BoxFuture<'_, anyhow::Result<String>> {
        async move {
            let op = op(&self.0, self.name(), run);
            let (mut expired, mut forgotten) = (0, 0);
            for _ in 0..COMMITS_MAX {
                let ended = crate::vault::approval::approval_expire_due(&op, AT_ONCE).await?;
                let gone = crate::vault::approval::approval_purge(&op, AT_ONCE).await?;
                (expired, forgotten) = (expired + ended, forgotten + gone);
                if ended.max(gone) < AT_ONCE as usize {
                    break;
                }
            }
            Ok(format!("{expired} expired, {forgotten} forgotten"))
        }
        .boxed()
    }
}

/// Removes for good what was deleted and is past its date.
struct PurgeDeleted(Arc<Core>);

impl Job for PurgeDeleted {
    fn name(&self) -> &'static str {
        "purge_deleted"
    }

    fn schedule(&self) -> Schedule {
        cron("7 * * * *")
    }

    fn run(&self, run: Run) -> BoxFuture<'_, anyhow::Result<String>> {
        async move {
            let op = op(&self.0, self.name(), run);
            let (mut all, total) = (0, deletion::deletion_due(&op)?);
            let mut telling = Telling::of(&self.0.db, run);
            for _ in 0..COMMITS_MAX {
                let purged = deletion::deletion_purge(&op, PURGED_AT_ONCE).await?;
                all += purged;
                if purged == 0 {
                    break;
                }
                telling.tell(u64::try_from(all).unwrap_or(u64::MAX), total).await?;
            }
            Ok(format!("{all} purged"))
        }
        .boxed()
    }
}

/// Mails people what happened to their accounts: a new device, and whatever their account is signed in with.
struct TellPeople {
    core: Arc<Core>,
    post: Post,
}

impl Job for TellPeople {
    fn name(&self) -> &'static str {
        "tell_people"
    }

    fn schedule(&self) -> Schedule {
        cron("* * * * *")
    }

    fn run(&self, run: Run) -> BoxFuture<'_, anyhow::Result<String>> {
        async move {
            let op = op(&self.core, self.name(), run);
            let mails = account::tell_due(&op, &self.post.mailer, &self.post.server).await?;
            Ok(format!("{mails} mails"))
        }
        .boxed()
    }
}

/// Tells of secrets that expire soon or have expired: organizations in their ledgers, whoever said until when they are
/// good by mail, and the operator as a number in the log.
struct RemindExpiring {
    core: Arc<Core>,
    post: Post,
}

impl Job for RemindExpiring {
    fn name(&self) -> &'static str {
        "remind_expiring"
    }

    fn schedule(&self) -> Schedule {
        cron("23 6 * * *")
    }

    fn run(&self, run: Run) -> BoxFuture<'_, anyhow::Result<String>> {
        async move {
            let op = op(&self.core, self.name(), run);
            let (mut all, mut mails) = (0, 0);
            for _ in 0..COMMITS_MAX {
                let told = care::expiry_remind(&op, AT_ONCE as usize).await?;
                all += told.secrets;
                mails += care::remind_by_mail(&self.post.mailer, &self.post.server, told.reminders);
                if told.secrets < AT_ONCE as usize {
                    break;
                }
            }
            if all > 0 {
                tracing::warn!(secrets = all, "secrets expire soon or have expired: holdfast secrets expiring");
            }
            Ok(format!("{all} secrets expire soon or have expired; {mails} mails"))
        }
        .boxed()
    }
}

/// Tells whoever deployed something that it is destroyed by itself soon.
struct WarnEnding {
    core: Arc<Core>,
    post: Post,
}

impl Job for WarnEnding {
    fn name(&self) -> &'static str {
        "warn_ending"
    }

    fn schedule(&self) -> Schedule {
        cron("* * * * *")
    }

    fn run(&self, run: Run) -> BoxFuture<'_, anyhow::Result<String>> {
        async move {
            let op = op(&self.core, self.name(), run);
            let (mut all, mut mails) = (0, 0);
            for _ in 0..COMMITS_MAX {
                let told = lifecycle::warn_due(&op, AT_ONCE).await?;
                all += told.environments;
                mails += lifecycle::warn_by_mail(&self.post.mailer, &self.post.server, run.at, told.warnings);
                if told.environments < AT_ONCE as usize {
                    break;
                }
            }
            Ok(format!("{all} environments end soon; {mails} mails"))
        }
        .boxed()
    }
}

/// Signs the ledger's head: after so many events, or so long after an event.
struct Checkpoint {
    core: Arc<Core>,
    config: LedgerConfig,
}

impl Job for Checkpoint {
    fn name(&self) -> &'static str {
        "checkpoint"
    }

    fn schedule(&self) -> Schedule {
        Schedule::Every(self.config.checkpoint_every)
    }

    fn is_wanted(&self, reader: &Reader<'_>, due: bool) -> Result<bool, DbError> {
        Ok(due || events_unsigned(reader)? >= self.config.checkpoint_every_events)
    }

    fn run(&self, _run: Run) -> BoxFuture<'_, anyhow::Result<String>> {
        async move {
            let size = checkpoint(&self.core).await.context("no checkpoint was made")?;
            Ok(format!("the newest is of {size} events"))
        }
        .boxed()
    }
}

/// Events behind the newest checkpoint.
fn events_unsigned(reader: &Reader<'_>) -> Result<u64, DbError> {
    let signed = ledger::checkpoint_newest(reader)?.map_or(0, |(checkpoint, _)| checkpoint.size);
    Ok(ledger::size(reader)?.saturating_sub(signed))
}

/// Signs the ledger as it is; answers its size.
pub(super) async fn checkpoint(core: &Core) -> Result<u64, ledger::LedgerError> {
    let (signer, now) = (Arc::clone(core.keyring.instance().ledger_signer()), core.clock.now());
    let made = core.db.write(move |tx| ledger::checkpoint_make(tx, &*signer, now)).await?;
    Ok(made.size)
}

/// Seals old values under an organization's new key, and destroys the old one: while a rotation runs.
struct ResealSecrets(Arc<Core>);

impl Job for ResealSecrets {
    fn name(&self) -> &'static str {
        "reseal_secrets"
    }

    fn schedule(&self) -> Schedule {
        cron("17 * * * *")
    }

    fn is_wanted(&self, reader: &Reader<'_>, due: bool) -> Result<bool, DbError> {
        rekey::is_wanted(reader, due)
    }

    fn run(&self, run: Run) -> BoxFuture<'_, anyhow::Result<String>> {
        async move {
            let mut telling = Telling::of(&self.0.db, run);
            let sealed = rekey::run(&op(&self.0, self.name(), run), &mut telling).await?;
            Ok(format!("{sealed} rows sealed anew"))
        }
        .boxed()
    }
}

/// Asks every cluster whether it is there: while there are any.
struct LookAtClusters(Arc<Core>);

impl Job for LookAtClusters {
    fn name(&self) -> &'static str {
        "look_at_clusters"
    }

    fn schedule(&self) -> Schedule {
        Schedule::Every(CLUSTERS_EVERY)
    }

    fn is_wanted(&self, reader: &Reader<'_>, due: bool) -> Result<bool, DbError> {
        Ok(due && cluster::is_wanted(reader)?)
    }

    fn run(&self, run: Run) -> BoxFuture<'_, anyhow::Result<String>> {
        async move {
            let looked = cluster::cluster_look(&op(&self.0, self.name(), run)).await?;
            Ok(format!("{} answer, {} do not", looked.reachable, looked.unreachable))
        }
        .boxed()
    }
}

/// Takes out what is of no use any more: answers of old writes, the file of a setup token that was redeemed.
struct Tidy {
    core: Arc<Core>,
    dir: PathBuf,
}

impl Job for Tidy {
    fn name(&self) -> &'static str {
        "tidy"
    }

    fn schedule(&self) -> Schedule {
        cron("37 * * * *")
    }

    fn run(&self, run: Run) -> BoxFuture<'_, anyhow::Result<String>> {
        async move {
            setup_token::forget_when_used(&self.core, &self.dir)?;
            let before = run.at.minus(IDEMPOTENCY_LIFE);
            let mut all = 0;
            for _ in 0..COMMITS_MAX {
                let gone = self.core.db.write(move |tx| store::idempotency_purge(tx, before, AT_ONCE)).await?;
                all += gone;
                if gone < AT_ONCE as usize {
                    break;
                }
            }
            let invitations = invitation::invitation_purge(&op(&self.core, self.name(), run), AT_ONCE).await?;
            Ok(format!("{all} answers and {invitations} invitations forgotten"))
        }
        .boxed()
    }
}
