//! The prober: one port that is open to all, and one where a pod asks whether it can be reached itself.
//!
//! `probe PORT [MILLISECONDS]` is answered with `open`, `closed` or `unknown` and the address that was tried, which is
//! the asker's own; `address` with `address` and the same. One line, one answer, and the connection ends.

use std::collections::HashMap;
use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use super::link::{Way, attempt, read_line};

/// The longest time a gate may ask the prober to try for.
pub(super) const LONGEST: Duration = Duration::from_secs(2);

/// What one prober spends on others.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// Conversations at once.
    pub(super) all: usize,
    /// Conversations at once with one address.
    pub(super) each: usize,
    /// How long the line of a question may take.
    pub(super) line: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { all: 512, each: 8, line: Duration::from_secs(1) }
    }
}

/// Accepts on both listeners until `end` comes.
pub(super) async fn serve(
    ask: TcpListener,
    open: TcpListener,
    limits: Limits,
    end: impl Future<Output = ()>,
) -> std::io::Result<()> {
    let guests = Guests::default();
    tokio::pin!(end);
    loop {
        tokio::select! {
            () = &mut end => return Ok(()),
            came = open.accept() => drop(accepted(came)?),
            came = ask.accept() => {
                let Some((stream, from)) = accepted(came)? else { continue };
                let address = from.ip().to_canonical();
                // Who is one too many is closed at once, and asks again.
                if let Some(seat) = guests.seat(address, limits) {
                    tokio::spawn(async move {
                        // Whoever went away needs no answer.
                        drop(converse(stream, address, limits).await);
                        drop(seat);
                    });
                }
            }
        }
    }
}

/// A connection that ended before it was taken is nobody's fault; a lack of descriptors ends the prober, and it is
/// started anew: its answers would be worth nothing.
fn accepted(came: std::io::Result<(TcpStream, SocketAddr)>) -> std::io::Result<Option<(TcpStream, SocketAddr)>> {
    match came {
        Ok(came) => Ok(Some(came)),
        Err(error) if error.kind() == std::io::ErrorKind::ConnectionAborted => Ok(None),
        Err(error) => Err(error),
    }
}

async fn converse(mut stream: TcpStream, from: IpAddr, limits: Limits) -> std::io::Result<()> {
    let line = timeout(limits.line, read_line(&mut stream)).await??;
    let answer = match Asked::parse(&line) {
        Some(Asked::Address) => format!("address {from}\n"),
        Some(Asked::Probe { port, limit }) => {
            let word = match attempt(SocketAddr::new(from, port), limit).await {
                Way::Open => "open",
                Way::Closed => "closed",
                Way::Unknown => "unknown",
            };
            format!("{word} {from}\n")
        }
        None => "error\n".to_owned(),
    };
    timeout(limits.line, stream.write_all(answer.as_bytes())).await?
}

/// A line of a gate.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// Which address is mine?
    Address,
    /// Can you reach me?
    Probe { port: u16, limit: Duration },
}

impl Asked {
    pub(super) fn parse(line: &str) -> Option<Self> {
        let mut words = line.split(' ');
        let asked = match words.next()? {
            "address" => Self::Address,
            "probe" => {
                let port = words.next()?.parse().ok().filter(|port| *port != 0)?;
                let limit = match words.next() {
                    Some(milliseconds) => Duration::from_millis(milliseconds.parse().ok()?).min(LONGEST),
                    None => super::patience(Duration::ZERO),
                };
                Self::Probe { port, limit }
            }
            _ => return None,
        };
        words.next().is_none().then_some(asked)
    }
}

/// Who is being talked with: addresses, and how many connections each has.
#[derive(Debug, Clone, Default)]
pub(super) struct Guests(Arc<Mutex<HashMap<IpAddr, usize>>>);

impl Guests {
    pub(super) fn seat(&self, address: IpAddr, limits: Limits) -> Option<Seat> {
        let mut guests = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let own = guests.get(&address).copied().unwrap_or(0);
        if own >= limits.each || guests.values().sum::<usize>() >= limits.all {
            return None;
        }
        guests.insert(address, own + 1);
        Some(Seat { guests: self.clone(), address })
    }
}

/// One of an address's places; given back when dropped.
#[derive(Debug)]
pub(super) struct Seat {
    guests: Guests,
    address: IpAddr,
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut guests = self.guests.0.lock().unwrap_or_else(PoisonError::into_inner);
        match guests.get_mut(&self.address) {
            Some(own) if *own > 1 => *own -= 1,
            _ => drop(guests.remove(&self.address)),
        }
    }
}
