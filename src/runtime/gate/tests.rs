//! Every outcome on loopback, where addresses of 127.0.0.0/8 stand for pods: the gate's own address is 127.0.0.1 there,
//! and a listener at another one is a pod that cannot be reached.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use super::link::{LONGEST_LINE, Way, attempt, read_line, way_of};
use super::patience;
use super::prober::{Asked, Guests, LONGEST, Limits, serve};
use super::proof::{Question, Report, Verdict, pass, prove};

const LONG: Duration = Duration::from_mins(1);

async fn at(address: &str) -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind((address.parse::<IpAddr>().unwrap(), 0)).await.unwrap();
    let local = listener.local_addr().unwrap();
    (listener, local)
}

/// An address where nobody listens.
async fn nobody() -> SocketAddr {
    at("127.0.0.1").await.1
}

/// A real prober: where it is asked, where it is open, and its task.
async fn a_prober(limits: Limits) -> (SocketAddr, SocketAddr, JoinHandle<std::io::Result<()>>) {
    let ((ask, ask_at), (open, open_at)) = (at("127.0.0.1").await, at("127.0.0.1").await);
    (ask_at, open_at, tokio::spawn(serve(ask, open, limits, std::future::pending())))
}

/// A prober that gives these answers, one a connection, and then is not there any more. With `-` it hangs up.
async fn scripted(answers: &'static [&'static str]) -> SocketAddr {
    let (listener, address) = at("127.0.0.1").await;
    tokio::spawn(async move {
        for answer in answers {
            let (mut stream, _) = listener.accept().await.unwrap();
            drop(read_line(&mut stream).await);
            if *answer != "-" {
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
        }
    });
    address
}

async fn one_pass(listener: TcpListener, ask: SocketAddr, open: SocketAddr) -> Report {
    let report = prove(listener, &Question { ask, open, limit: Duration::ZERO }).await;
    assert_eq!(report.passes, 1);
    report
}

fn found(report: &Report) -> (Verdict, &'static str) {
    (report.verdict, report.detail)
}

#[tokio::test]
async fn closed_both_ways_is_proven_by_a_real_prober() {
    let (ask, _, _) = a_prober(Limits::default()).await;
    let report = prove(at("127.0.0.2").await.0, &Question { ask, open: nobody().await, limit: LONG }).await;
    assert_eq!((found(&report), report.passes), ((Verdict::Proven, "closed both ways"), 1));
    assert_eq!(report.json()["reason"], "Proven");
    assert!(report.json()["milliseconds"].is_u64());
    let exits = [Verdict::Proven, Verdict::PolicyNotEnforced, Verdict::ProbeUnreachable].map(Verdict::exit);
    assert_eq!(exits, [0, 3, 4]);
}

#[tokio::test]
async fn open_either_way_or_both_is_not_enforced() {
    let (ask, open, _) = a_prober(Limits::default()).await;
    let both = one_pass(at("127.0.0.1").await.0, ask, open).await;
    assert_eq!(found(&both), (Verdict::PolicyNotEnforced, "open both ways"));
    let out = one_pass(at("127.0.0.2").await.0, ask, open).await;
    assert_eq!(found(&out), (Verdict::PolicyNotEnforced, "open on the way out"));
    let into = one_pass(at("127.0.0.1").await.0, ask, nobody().await).await;
    assert_eq!(found(&into), (Verdict::PolicyNotEnforced, "open on the way in"));
}

#[tokio::test]
async fn rules_that_come_late_are_waited_for() {
    let ask =
        scripted(&["open 127.0.0.1\n", "-", "open 127.0.0.1\n", "closed 127.0.0.1\n", "address 127.0.0.1\n"]).await;
    let report = prove(at("127.0.0.1").await.0, &Question { ask, open: nobody().await, limit: LONG }).await;
    assert_eq!((report.verdict, report.passes), (Verdict::Proven, 4));
}

#[tokio::test]
async fn a_dead_network_does_not_pass_for_a_closed_one() {
    let closed = nobody().await;
    for (answers, detail) in [
        (&[][..], "the prober does not answer"),
        (&["-"], "the prober gave no answer"),
        (&["error\n"], "the prober saw another address than the pod's"),
        (&["closed\n"], "the prober saw another address than the pod's"),
        (&["closed 10.9.8.7\n"], "the prober saw another address than the pod's"),
        (&["unknown 127.0.0.1\n"], "an attempt failed for another reason than the network"),
        (&["closed 127.0.0.1\n"], "the prober does not answer any more"),
        (&["closed 127.0.0.1\n", "-"], "the prober gave no answer any more"),
        (&["closed 127.0.0.1\n", "address 10.9.8.7\n"], "the prober gave no answer any more"),
    ] {
        let ask = if answers.is_empty() { nobody().await } else { scripted(answers).await };
        let report = one_pass(at("127.0.0.1").await.0, ask, closed).await;
        assert_eq!(report.verdict, Verdict::ProbeUnreachable, "{answers:?}: {}", report.detail);
        // The end of a listener and of a connection may be told in either order.
        assert_eq!(report.detail.split(" any").next(), detail.split(" any").next(), "{answers:?}");
    }
}

#[tokio::test]
async fn a_gate_that_nobody_could_have_reached_proves_nothing() {
    let (ask, _, _) = a_prober(Limits::default()).await;
    let found = pass(nobody().await, &Question { ask, open: nobody().await, limit: LONG }).await;
    assert_eq!(found, Err((Verdict::ProbeUnreachable, "the gate does not reach its own port")));
}

#[tokio::test]
async fn the_prober_tries_the_address_that_asks_and_no_other() {
    let (ask, open, _) = a_prober(Limits::default()).await;
    let (listener, own) = at("127.0.0.1").await;
    let elsewhere = at("127.0.0.2").await.1;
    assert_eq!(say(ask, &format!("probe {} 2000\n", own.port())).await, "open 127.0.0.1\n");
    assert_eq!(say(ask, &format!("probe {}\n", elsewhere.port())).await, "closed 127.0.0.1\n");
    assert_eq!(say(ask, "address\n").await, "address 127.0.0.1\n");
    assert_eq!(say(ask, "probe 127.0.0.2:80\n").await, "error\n");
    assert_eq!(say(open, "").await, "", "what is open to all says nothing");
    drop(listener);
    assert_eq!(say(ask, &format!("probe {}\n", own.port())).await, "closed 127.0.0.1\n");
}

/// What comes back for a line, to the end.
async fn say(to: SocketAddr, line: &str) -> String {
    let mut stream = TcpStream::connect(to).await.unwrap();
    let mut answer = String::new();
    drop(stream.write_all(line.as_bytes()).await);
    drop(stream.read_to_string(&mut answer).await); // a reset is an end, too
    answer
}

#[test]
fn a_question_is_one_of_two_and_its_time_is_capped() {
    let probe = |port, limit| Some(Asked::Probe { port, limit });
    assert_eq!(Asked::parse("address"), Some(Asked::Address));
    assert_eq!(Asked::parse("probe 80 300"), probe(80, Duration::from_millis(300)));
    assert_eq!(Asked::parse("probe 80 99999999"), probe(80, LONGEST));
    assert_eq!(Asked::parse("probe 80"), probe(80, Duration::from_millis(250)));
    for wrong in
        ["", "probe", "probe 0", "probe 65536", "probe -1", "probe 80 x", "probe 80 1 1", "address 1", "PROBE 80"]
    {
        assert_eq!(Asked::parse(wrong), None, "{wrong}");
    }
    assert_eq!(patience(Duration::from_millis(20)), Duration::from_millis(400));
    assert_eq!(patience(LONG), LONGEST);
}

#[tokio::test]
async fn lines_places_and_time_have_limits() {
    let (ask, _, _) = a_prober(Limits { all: 2, each: 1, line: LONG }).await;
    assert_eq!(say(ask, &"a".repeat(LONGEST_LINE + 1)).await, "", "a long line is not read");
    let mut slow = TcpStream::connect(ask).await.unwrap();
    slow.write_all(b"addr").await.unwrap();
    assert_eq!(say(ask, "address\n").await, "", "the only place of this address is taken");
    slow.write_all(b"ess\n").await.unwrap();
    assert_eq!(read_line(&mut slow).await.unwrap(), "address 127.0.0.1");

    let (ask, _, _) = a_prober(Limits { line: Duration::from_millis(1), ..Limits::default() }).await;
    let mut silent = TcpStream::connect(ask).await.unwrap();
    assert_eq!(silent.read(&mut [0]).await.unwrap(), 0, "who says nothing is not waited for");
}

#[test]
fn places_are_counted_by_address_and_given_back() {
    let limits = Limits { all: 3, each: 2, line: LONG };
    let [one, two, three] = ["10.0.0.1", "10.0.0.2", "10.0.0.3"].map(|address| address.parse::<IpAddr>().unwrap());
    let guests = Guests::default();
    let first = guests.seat(one, limits).unwrap();
    let second = guests.seat(one, limits).unwrap();
    assert!(guests.seat(one, limits).is_none(), "two an address");
    let third = guests.seat(two, limits).unwrap();
    assert!(guests.seat(three, limits).is_none(), "three in all");
    drop(first);
    assert!(guests.seat(three, limits).is_some());
    drop((second, third));
    assert!(guests.seat(one, limits).is_some() && guests.seat(two, limits).is_some());
}

#[tokio::test]
async fn the_prober_ends_when_told_to() {
    let (ask, ask_at) = at("127.0.0.1").await;
    let (end, told) = tokio::sync::oneshot::channel::<()>();
    let serving = tokio::spawn(serve(ask, at("127.0.0.1").await.0, Limits::default(), async { drop(told.await) }));
    let _waiting = TcpStream::connect(ask_at).await.unwrap();
    end.send(()).unwrap();
    serving.await.unwrap().unwrap();
    assert_eq!(attempt(ask_at, LONG).await, Way::Closed);
}

#[test]
fn only_what_a_network_says_is_closed() {
    use std::io::{Error, ErrorKind};
    for kind in [ErrorKind::ConnectionRefused, ErrorKind::HostUnreachable, ErrorKind::NetworkUnreachable] {
        assert_eq!(way_of(&kind.into()), Way::Closed);
    }
    let too_many_files = Error::from_raw_os_error(24);
    for error in [too_many_files, ErrorKind::AddrNotAvailable.into(), ErrorKind::AddrInUse.into()] {
        assert_eq!(way_of(&error), Way::Unknown, "{error}");
    }
}
