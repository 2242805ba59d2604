//! What services write, read from their pods: the last lines, or what comes from now on.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{self, BoxStream, SelectAll};
use futures_util::{Stream, StreamExt as _};
use serde_json::Value;
use tokio::time::{Interval, MissedTickBehavior, interval};

use super::{goes_on, is_restricted, running};
use crate::cluster::{self, Access, Client, ClientError, LogAsk, Resource as Kind};
use crate::db::WriteTx;
use crate::ledger::Details;
use crate::op::Op;
use crate::orgs::access;
use crate::policy::{Action, Resource};
use crate::runtime::blueprint::Label;
use crate::runtime::lifecycle::{At, Runtime, RuntimeError};
use crate::runtime::render::{LABEL_ENVIRONMENT, LABEL_SERVICE};
use crate::runtime::stored;
use crate::types::Timestamp;

/// Lines of each pod that are told unless it is said how many.
pub const LINES_USUAL: u32 = 500;
/// Most lines of each pod that were written before.
pub const LINES_MAX: u32 = 10_000;
/// Most pods that are read.
const PODS_MAX: usize = 64;
/// Longest line that is kept together, in bytes; a longer one is cut.
const LINE_MAX: usize = 16 << 10;
/// How often it is looked whether whoever reads may go on, and, when following, whether there are other pods.
const LOOK: Duration = Duration::from_secs(2);
/// How often in a row a cluster may fail to say which pods there are.
const FAILURES_MAX: u32 = 5;

/// What is to be read.
#[derive(Debug, Clone, Default)]
pub struct LogsAsk {
    /// The service; every one, each line with its name, when none.
    pub service: Option<String>,
    /// Whether to stay and tell what is written from now on.
    pub follow: bool,
    /// Whether it is about the containers before their last restart.
    pub previous: bool,
    /// Only lines written after this moment.
    pub since: Option<Timestamp>,
    /// Only so many of the last lines of each pod.
    pub tail: Option<u32>,
    /// Whether each line begins with its time.
    pub timestamps: bool,
}

/// What the check of the rights leaves.
struct Opened {
    access: Access,
    resource: Resource,
    is_restricted: bool,
    runtime: Runtime,
}

/// What services write, as it is read.
pub struct Logs {
    op: Op,
    resource: Resource,
    is_restricted: bool,
    client: Client,
    namespace: String,
    selector: String,
    ask: LogsAsk,
    /// Pods that are read after those that are open.
    waiting: VecDeque<Pod>,
    open: SelectAll<BoxStream<'static, Said>>,
    /// Pods that were opened when following, and when they ended.
    known: HashMap<String, Option<Timestamp>>,
    tick: Interval,
    failures: u32,
}

/// A pod to read.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Pod {
    name: String,
    service: String,
    container: String,
    began: String,
}

/// What a pod says.
enum Said {
    Lines(Bytes),
    Over(String),
}

/// Begins to read what services write; the ledger has that it was read.
///
/// # Errors
/// Unknown or not allowed, also to use restricted values where some were passed on; nothing runs; no such service; the
/// cluster cannot be asked.
pub async fn runtime_logs(op: &Op, at: At, ask: LogsAsk) -> Result<Logs, RuntimeError> {
    let wish = ask.clone();
    let opened = op.write(move |op, tx| open(op, tx, &at, &wish)).await?;
    let Opened { access, resource, is_restricted, runtime } = opened;
    let mut selector = format!("{LABEL_ENVIRONMENT}={}", runtime.environment);
    match &ask.service {
        Some(service) => selector.extend([",", LABEL_SERVICE, "=", service]),
        None => selector.extend([",", LABEL_SERVICE]),
    }
    let mut tick = interval(LOOK);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    tick.reset();
    let mut logs = Logs {
        op: op.clone(),
        resource,
        is_restricted,
        client: Client::new(&access)?,
        namespace: runtime.namespace,
        selector,
        ask,
        waiting: VecDeque::new(),
        open: SelectAll::new(),
        known: HashMap::new(),
        tick,
        failures: 0,
    };
    let pods = logs.pods().await?;
    if logs.ask.follow {
        for pod in pods {
            let _not_yet = logs.attach(pod, logs.ask.since, logs.ask.tail).await;
        }
    } else {
        // Who asks for one service is told why there is nothing to read.
        let only = pods.len() == 1 && logs.ask.service.is_some();
        for pod in pods {
            if only {
                logs.attach(pod, logs.ask.since, logs.ask.tail).await?;
            } else {
                logs.waiting.push_back(pod);
            }
        }
    }
    Ok(logs)
}

fn open(op: &Op, tx: &mut WriteTx<'_>, at: &At, ask: &LogsAsk) -> Result<Opened, RuntimeError> {
    let placed = access::environment(op, tx, &at.project, &at.environment)?;
    let resource = placed.resource();
    let event = op.authorize(tx, Action::RuntimeLogsRead, &resource)?;
    let (runtime, revision) = running(tx, &placed)?;
    let is_restricted = is_restricted(tx, &runtime, &revision)?;
    if is_restricted {
        op.authorize(tx, Action::SecretUseRestricted, &resource)?;
    }
    if let (Some(service), Some(stored)) = (&ask.service, stored::version(tx, runtime.environment, revision.blueprint)?)
    {
        let there = || stored.blueprint.services.iter().map(|s| &s.name);
        if !there().any(|label| label.as_str() == service) {
            let there: Vec<Label> = there().cloned().collect();
            return Err(RuntimeError::NoService { name: service.clone(), there });
        }
    }
    let access = cluster::access(tx, op.keyring(), runtime.cluster)?;
    let details = Details::new()
        .with("service", ask.service.as_deref().unwrap_or("-"))
        .with("revision", revision.number)
        .with("follow", ask.follow);
    op.record(tx, event.details(details))?;
    Ok(Opened { access, resource, is_restricted, runtime })
}

impl Logs {
    /// The next lines; none when there are no more.
    ///
    /// # Errors
    /// The credential ended or a right was taken away; the cluster does not answer any more.
    pub async fn next(&mut self) -> Option<Result<Bytes, RuntimeError>> {
        loop {
            if self.open.is_empty() && !self.ask.follow {
                // One pod after the other: what is read at once is read in order.
                let pod = self.waiting.pop_front()?;
                let _not_started = self.attach(pod, self.ask.since, self.ask.tail).await;
                continue;
            }
            tokio::select! {
                said = self.open.next(), if !self.open.is_empty() => match said {
                    Some(Said::Lines(lines)) => return Some(Ok(lines)),
                    Some(Said::Over(pod)) => drop(self.known.insert(pod, Some(self.op.now()))),
                    None => {}
                },
                _ = self.tick.tick() => {
                    if let Err(error) = self.look().await {
                        return Some(Err(error));
                    }
                }
            }
        }
    }

    /// Looks whether whoever reads may go on, and for pods that came.
    async fn look(&mut self) -> Result<(), RuntimeError> {
        let Self { op, resource, is_restricted, .. } = self;
        let asked = [(Action::RuntimeLogsRead, true), (Action::SecretUseRestricted, *is_restricted)];
        op.read(|reader| {
            let mut asked = asked.into_iter().filter(|(_, is_asked)| *is_asked);
            asked.try_for_each(|(action, _)| goes_on(op, reader, action, resource))
        })
        .await?;
        if !self.ask.follow {
            return Ok(());
        }
        let pods = match self.pods().await {
            Ok(pods) => pods,
            Err(_) if self.failures < FAILURES_MAX => {
                self.failures += 1;
                return Ok(());
            }
            Err(error) => return Err(error.into()),
        };
        self.failures = 0;
        self.known.retain(|name, _| pods.iter().any(|pod| pod.name == *name));
        for pod in pods {
            let (since, tail) = match self.known.get(&pod.name) {
                // It is being read.
                Some(None) => continue,
                // Its container was started anew.
                Some(Some(ended)) => (Some(*ended), None),
                None => (None, None),
            };
            let _not_yet = self.attach(pod, since, tail).await;
        }
        Ok(())
    }

    /// The pods, by service and age.
    async fn pods(&self) -> Result<Vec<Pod>, ClientError> {
        let listed = self.client.list(Kind::Pod, Some(&self.namespace), &self.selector, "").await?;
        let mut pods: Vec<_> = listed.items.iter().filter_map(pod).collect();
        pods.sort_by(|a, b| (&a.service, &a.began, &a.name).cmp(&(&b.service, &b.began, &b.name)));
        pods.truncate(PODS_MAX);
        Ok(pods)
    }

    async fn attach(&mut self, pod: Pod, since: Option<Timestamp>, tail: Option<u32>) -> Result<(), ClientError> {
        let ask = LogAsk {
            container: pod.container.clone(),
            follow: self.ask.follow,
            previous: self.ask.previous,
            since,
            tail,
            timestamps: self.ask.timestamps,
        };
        let written = self.client.logs(&self.namespace, &pod.name, &ask).await?;
        let prefix = self.ask.service.is_none().then(|| format!("{} | ", pod.service));
        let name = pod.name.clone();
        let over = stream::once(async move { Said::Over(name) });
        self.open.push(lines(written, prefix, self.ask.timestamps).map(Said::Lines).chain(over).boxed());
        self.known.insert(pod.name, None);
        Ok(())
    }
}

fn pod(object: &Value) -> Option<Pod> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let metadata = &object["metadata"];
    Some(Pod {
        name: text(&metadata["name"])?,
        service: text(&metadata["labels"][LABEL_SERVICE])?,
        container: text(&object["spec"]["containers"][0]["name"])?,
        began: text(&metadata["creationTimestamp"]).unwrap_or_default(),
    })
}

/// A log cut at its line ends, so that lines of several pods do not run into one another.
struct Cutter {
    held: Vec<u8>,
    prefix: Option<String>,
    has_times: bool,
}

impl Cutter {
    /// Takes a piece, and gives the lines that are whole now.
    fn take(&mut self, piece: &[u8]) -> Bytes {
        let end = memchr::memrchr(b'\n', piece).map_or(0, |at| at + 1);
        let mut out = Vec::with_capacity(self.held.len() + end);
        if end > 0 {
            let mut whole = std::mem::take(&mut self.held);
            whole.extend_from_slice(&piece[..end]);
            self.write(&whole, &mut out);
        }
        self.held.extend_from_slice(&piece[end..]);
        if self.held.len() > LINE_MAX {
            out.extend_from_slice(&self.rest());
        }
        out.into()
    }

    /// What is left without a line end.
    fn rest(&mut self) -> Bytes {
        let mut out = Vec::with_capacity(self.held.len() + 1);
        if !self.held.is_empty() {
            let mut whole = std::mem::take(&mut self.held);
            whole.push(b'\n');
            self.write(&whole, &mut out);
        }
        out.into()
    }

    fn write(&self, lines: &[u8], out: &mut Vec<u8>) {
        let Some(prefix) = &self.prefix else { return out.extend_from_slice(lines) };
        for line in lines.split_inclusive(|byte| *byte == b'\n') {
            // The time of a line stays at its beginning.
            let time = if self.has_times { memchr::memchr(b' ', line).map_or(0, |at| at + 1) } else { 0 };
            out.extend_from_slice(&line[..time]);
            out.extend_from_slice(prefix.as_bytes());
            out.extend_from_slice(&line[time..]);
        }
    }
}

/// The lines of a log. Where it breaks off they end: whoever follows finds out with the next look.
fn lines(
    written: impl Stream<Item = Result<Bytes, ClientError>> + Send + 'static,
    prefix: Option<String>,
    has_times: bool,
) -> impl Stream<Item = Bytes> + Send {
    let state = (written.boxed(), Cutter { held: Vec::new(), prefix, has_times }, false);
    let cut = stream::unfold(state, |(mut written, mut cutter, is_over)| async move {
        if is_over {
            return None;
        }
        match written.next().await {
            Some(Ok(piece)) => Some((cutter.take(&piece), (written, cutter, false))),
            Some(Err(_)) | None => Some((cutter.rest(), (written, cutter, true))),
        }
    });
    cut.filter(|lines| std::future::ready(!lines.is_empty()))
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;
    use serde_json::json;

    use super::*;

    fn cut(pieces: &[&[u8]], prefix: Option<&str>, has_times: bool) -> String {
        let pieces: Vec<_> = pieces.iter().map(|p| Ok(Bytes::copy_from_slice(p))).collect();
        let all = lines(stream::iter(pieces), prefix.map(str::to_owned), has_times).collect::<Vec<_>>();
        let all = all.now_or_never().expect("nothing waits").concat();
        String::from_utf8(all).expect("text")
    }

    #[test]
    fn lines_stay_whole_however_they_come() {
        assert_eq!(cut(&[b"a\nb", b"c\n", b"d"], None, false), "a\nbc\nd\n");
        assert_eq!(cut(&[b"a\nb", b"c\n", b"d"], Some("api | "), false), "api | a\napi | bc\napi | d\n");
        let timed: &[&[u8]] = &[b"2026-11-27T08:00:00Z a b\n"];
        assert_eq!(cut(timed, Some("api | "), true), "2026-11-27T08:00:00Z api | a b\n");
    }

    #[test]
    fn a_line_without_end_is_cut_and_not_kept() {
        let long = vec![b'x'; LINE_MAX];
        let told = cut(&[&long, b"y", &long], Some("api | "), false);
        assert_eq!(told.lines().count(), 2, "{} bytes", told.len());
        assert!(told.lines().all(|line| line.len() <= LINE_MAX + "api | ".len() + 1));
    }

    #[test]
    fn a_pod_is_read_by_its_first_container() {
        let object = json!({
            "metadata": {"name": "api-1", "labels": {LABEL_SERVICE: "api"}, "creationTimestamp": "2026-11-27T08:00:00Z"},
            "spec": {"containers": [{"name": "api"}]},
        });
        let read = pod(&object).expect("a pod");
        assert_eq!((read.service.as_str(), read.container.as_str()), ("api", "api"));
        assert_eq!(pod(&json!({"metadata": {"name": "other"}})), None, "a pod that is not ours");
    }
}
