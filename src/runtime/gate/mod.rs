//! The proof that a pod is closed before anything of a team's runs in it, and the prober that it is held against.
//!
//! Invariants, and what each one stops:
//! - Closed is proven only when, in one pass, the pod did not reach the prober's open port, the prober did not reach the
//!   pod, and controls before and after worked: a network that is dead does not pass for one that is closed.
//! - The prober says which address it tried, and that has to be the pod's own: a translated address proves nothing.
//! - Only what a network says counts as closed (refused, unreachable, no answer). A lack of ports or memory is no proof.
//! - What a lost packet looks like is tried twice.
//! - The prober connects to nobody but who asks: no pod can look around through it. Connections, their time and length,
//!   and how many an address holds are limited.
//!
//! Behind the proof, and with nothing of a team's running yet, it may wait for what the service depends on (`wait`): pods
//! are made and proven all at once, and only their programs start one after the other.
//!
//! It is quick to start, because every pod waits for it: no configuration, no TLS, one thread. It speaks no HTTP, prints
//! nothing, and knows no cluster: addresses come from whoever runs it.

mod link;
mod prober;
mod proof;
#[cfg(test)]
mod tests;
mod wait;

use std::future::Future;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

pub use proof::{Question, Report, Verdict};
pub use wait::{Waited, Way};

/// Listens at `ask` and `open` on every address of the machine, and answers gates until it is told to end.
///
/// # Errors
/// A port is taken, or a listener fails for good.
pub fn prober(ask: u16, open: u16) -> std::io::Result<()> {
    in_one_thread(async {
        let ask = everywhere(ask).await?;
        let open = everywhere(open).await?;
        prober::serve(ask, open, prober::Limits::default(), told_to_end()?).await
    })
}

/// Asks until the pod is proven closed or the time is over; one that is, waits until every one of `after` answers, for
/// `patience` at most. `None` when it was told to end before.
///
/// # Errors
/// The gate's own port is taken.
pub fn gate(
    question: &Question,
    port: u16,
    after: &[Way],
    patience: Duration,
) -> std::io::Result<Option<(Report, Waited)>> {
    in_one_thread(async {
        let listener = everywhere(port).await?;
        let told = told_to_end()?;
        let work = async {
            let report = proof::prove(listener, question).await;
            let waited =
                if report.verdict == Verdict::Proven { wait::wait(after, patience).await } else { Waited::default() };
            (report, waited)
        };
        tokio::select! {
            both = work => Ok(Some(both)),
            () = told => Ok(None),
        }
    })
}

fn in_one_thread<T>(work: impl Future<Output = std::io::Result<T>>) -> std::io::Result<T> {
    tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build()?.block_on(work)
}

/// A listener on every address; of IPv4 alone where the machine has no IPv6.
async fn everywhere(port: u16) -> std::io::Result<TcpListener> {
    match TcpListener::bind(SocketAddr::from((Ipv6Addr::UNSPECIFIED, port))).await {
        Ok(listener) => Ok(listener),
        Err(_) => TcpListener::bind(SocketAddr::from((Ipv4Addr::UNSPECIFIED, port))).await,
    }
}

/// The first process of a container gets no signal that it does not ask for.
fn told_to_end() -> std::io::Result<impl Future<Output = ()>> {
    let (mut end, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = end.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

/// The time a connection may take where its round trip takes `round_trip`: long enough for a busy network, and short
/// enough that a network which says nothing does not hold up every start.
fn patience(round_trip: Duration) -> Duration {
    (round_trip * 20).clamp(Duration::from_millis(250), prober::LONGEST)
}
