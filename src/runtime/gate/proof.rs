//! The proof itself: passes of controls and attempts, until one of them holds or the time is over.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep, timeout};

use super::link::{Way, attempt, exchange};
use super::patience;

/// How long a connection to the prober may take. A lost packet costs a second; another try is cheaper.
const CONNECT: Duration = Duration::from_millis(500);
/// What the prober needs for an answer beyond what the question allows.
const SLACK: Duration = Duration::from_millis(500);

/// What is to be proven, and for how long it may be tried.
#[derive(Debug, Clone, Copy)]
pub struct Question {
    /// Where the prober is asked: a closed pod is allowed to.
    pub ask: SocketAddr,
    /// The prober's open port: a closed pod must not reach it.
    pub open: SocketAddr,
    /// After this time no further pass begins; one that has begun ends by itself, within six seconds.
    pub limit: Duration,
}

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Closed both ways, and the network lives.
    Proven,
    /// The last pass still found it open.
    PolicyNotEnforced,
    /// In the last pass a control did not work, so nothing is known.
    ProbeUnreachable,
}

impl Verdict {
    /// The reason as conditions name it.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Proven => "Proven",
            Self::PolicyNotEnforced => "PolicyNotEnforced",
            Self::ProbeUnreachable => "ProbeUnreachable",
        }
    }

    /// The exit code of the gate.
    pub fn exit(self) -> u8 {
        match self {
            Self::Proven => 0,
            Self::PolicyNotEnforced => 3,
            Self::ProbeUnreachable => 4,
        }
    }
}

/// What the gate found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// How it ended.
    pub verdict: Verdict,
    /// How long it took.
    pub took: Duration,
    /// How many passes it took.
    pub passes: u32,
    /// What the last pass found.
    pub detail: &'static str,
}

impl Report {
    /// The report as one JSON object.
    pub fn json(&self) -> Value {
        json!({
            "reason": self.verdict.reason(),
            "milliseconds": u64::try_from(self.took.as_millis()).unwrap_or(u64::MAX),
            "passes": self.passes,
            "detail": self.detail,
        })
    }
}

/// Makes passes until one proves the pod closed or the time is over. There is always one.
pub(super) async fn prove(listener: TcpListener, question: &Question) -> Report {
    let began = Instant::now();
    let own = own_address(&listener);
    tokio::select! {
        report = passes(own, question, began) => report,
        () = accept_all(&listener) => Report {
            verdict: Verdict::ProbeUnreachable,
            took: began.elapsed(),
            passes: 0,
            detail: "the gate's own listener failed",
        },
    }
}

async fn passes(own: SocketAddr, question: &Question, began: Instant) -> Report {
    let mut passes = 0;
    loop {
        passes += 1;
        let (verdict, detail) = match pass(own, question).await {
            Ok(()) => (Verdict::Proven, "closed both ways"),
            Err(found) => found,
        };
        let took = began.elapsed();
        if verdict == Verdict::Proven || took >= question.limit {
            return Report { verdict, took, passes, detail };
        }
        // Often at first, when the rules are about to come; seldom when they are late.
        sleep((took / 10).clamp(Duration::from_millis(10), Duration::from_millis(200))).await;
    }
}

/// One pass; what it found, when that is no proof.
pub(super) async fn pass(own: SocketAddr, question: &Question) -> Result<(), (Verdict, &'static str)> {
    let unknown = |detail| (Verdict::ProbeUnreachable, detail);
    let open = |detail| (Verdict::PolicyNotEnforced, detail);

    let began = Instant::now();
    let mut prober = connect(question.ask).await.map_err(|_| unknown("the prober does not answer"))?;
    let limit = patience(began.elapsed());
    let line = format!("probe {} {}\n", own.port(), limit.as_millis());
    let (said, out) = tokio::join!(exchange(&mut prober, &line, limit + SLACK), attempt(question.open, limit));
    let said = said.map_err(|_| unknown("the prober gave no answer"))?;
    let into = match said.split_once(' ') {
        Some((word, address)) if is_own(&prober, address) => word,
        _ => return Err(unknown("the prober saw another address than the pod's")),
    };
    match (out, into) {
        (Way::Open, "open") => return Err(open("open both ways")),
        (Way::Open, _) => return Err(open("open on the way out")),
        (_, "open") => return Err(open("open on the way in")),
        (Way::Closed, "closed") => {}
        _ => return Err(unknown("an attempt failed for another reason than the network")),
    }

    // Controls: somebody does listen where the prober did not get in, and the network lives after all this.
    if attempt(own, limit).await != Way::Open {
        return Err(unknown("the gate does not reach its own port"));
    }
    let mut again = connect(question.ask).await.map_err(|_| unknown("the prober does not answer any more"))?;
    let said = exchange(&mut again, "address\n", limit).await;
    let alive = said.is_ok_and(|said| said.strip_prefix("address ").is_some_and(|address| is_own(&again, address)));
    if alive { Ok(()) } else { Err(unknown("the prober gave no answer any more")) }
}

async fn connect(to: SocketAddr) -> std::io::Result<TcpStream> {
    timeout(CONNECT, TcpStream::connect(to)).await?
}

/// Whether this is the address that the connection comes from, here as well as there.
fn is_own(stream: &TcpStream, address: &str) -> bool {
    let said = address.parse::<IpAddr>();
    stream.local_addr().is_ok_and(|local| said.is_ok_and(|said| said == local.ip().to_canonical()))
}

/// Where the gate reaches its own listener without leaving the pod.
fn own_address(listener: &TcpListener) -> SocketAddr {
    let local = listener.local_addr().unwrap_or_else(|_| SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
    if local.ip().is_unspecified() { SocketAddr::from((Ipv4Addr::LOCALHOST, local.port())) } else { local }
}

/// Whoever connects learns that the port is open, and nothing else.
async fn accept_all(listener: &TcpListener) {
    while let Ok(came) = listener.accept().await {
        drop(came);
    }
}
