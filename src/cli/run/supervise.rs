//! The program as a child: signals are handed on, a change of its variables starts it again, and its end is ours.
//!
//! One loop over events of four kinds, each from a thread of its own: the child ended, a signal came, the variables
//! changed, something is to be said. No two things happen at once, so no order of them is special.

use std::io::IsTerminal as _;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, ExitCode, ExitStatus};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};
use tokio::signal::unix::{SignalKind, signal};

use super::mount::{Mount, Mounted};
use super::{RunArgs, Source, not_started};
use crate::cli::context::Context;
use crate::cli::error::{CliError, Exit};
use crate::cli::variables::{Fetched, Variables};

/// How often the server is asked whether anything changed. The answer is nearly always an empty 304.
const POLL: Duration = Duration::from_secs(1);
/// The longest pause while the server cannot be reached.
const POLL_UNREACHABLE: Duration = Duration::from_secs(10);
/// The pause after a refusal: each is an event of the ledger.
const POLL_REFUSED: Duration = Duration::from_mins(1);
/// How long a program may take to die of SIGKILL before it is started again beside what is left of it.
const KILLED: Duration = Duration::from_secs(30);

/// Events that wait to be looked at, at most; who brings more waits.
const EVENTS: usize = 16;

/// What the program starts with.
pub(super) struct Start {
    pub(super) source: Source,
    pub(super) mount: Option<Mount>,
    pub(super) variables: Variables,
    pub(super) etag: Option<String>,
}

enum Event {
    /// The child with this number ended and waits to be reaped.
    Ended(u32),
    Signal(Signal),
    Changed(Fetched),
    Say(String),
}

/// Runs the program until it ends by itself or by a signal, and ends as it did: with its exit code, or 128 and the number
/// of its signal.
pub(super) fn supervise(context: &Context, args: &RunArgs, start: Start) -> Result<ExitCode, CliError> {
    let Start { source, mount, variables, etag } = start;
    let (sender, events) = sync_channel(EVENTS);
    // Before the program: a signal between the two must not be lost.
    hand_on_signals(sender.clone())?;
    let mounted = mount.as_ref().map(|mount| mount.put(&variables)).transpose()?;
    let mounted = mount.as_ref().zip(mounted.as_ref());
    let mut running = Running::start(args, mount.is_some(), &variables, &sender)?;
    if args.watch {
        watch(source, etag, sender.clone())?;
    }
    let mut state = State { current: variables, next: None, deadline: None, ending: false };
    loop {
        match state.wait(&events) {
            Some(Event::Ended(id)) if id == running.child.id() => {
                let status = running.child.wait().map_err(|error| CliError::failed(format!("cannot wait: {error}")))?;
                let Some(next) = state.restarts() else { return Ok(code_of(status)) };
                running = Running::start(args, mount.is_some(), &next, &sender)?;
                state.current = next;
            }
            Some(Event::Ended(_)) => {}
            Some(Event::Signal(signal)) => {
                state.told(signal);
                running.send(signal);
            }
            Some(Event::Changed(fetched)) => match state.take(args, mounted, fetched.variables) {
                Ok(true) => {
                    context.output.say("the variables changed: starting the program again");
                    running.send(Signal::TERM);
                    state.deadline = Some(Instant::now() + Duration::from_secs(args.grace.into()));
                }
                Ok(false) => {}
                Err(error) => context.output.warn(&format!("the program keeps its old variables: {error}")),
            },
            Some(Event::Say(text)) => context.output.warn(&text),
            None => {
                running.send(Signal::KILL);
                state.deadline = Some(Instant::now() + KILLED);
            }
        }
    }
}

/// What the program has, and what it is to have next.
struct State {
    current: Variables,
    /// Set while the program is being stopped in order to be started again.
    next: Option<Variables>,
    /// When a program that is being stopped is killed.
    deadline: Option<Instant>,
    /// Whether somebody asked the program to end: then no change starts it again.
    ending: bool,
}

impl State {
    /// The next event; none when the deadline has come.
    fn wait(&self, events: &Receiver<Event>) -> Option<Event> {
        let Some(deadline) = self.deadline else {
            // The loop holds a sender: there is always one.
            return events.recv().ok();
        };
        events.recv_timeout(deadline.saturating_duration_since(Instant::now())).ok()
    }

    /// Takes changed variables; whether the program has to be stopped for them. While it is being stopped already, the
    /// newest ones count.
    fn take(&mut self, args: &RunArgs, mounted: Option<(&Mount, &Mounted)>, new: Variables) -> Result<bool, CliError> {
        let new = new.choose(&args.only, &args.exclude)?;
        if self.ending || self.next.as_ref().unwrap_or(&self.current).same(&new) {
            return Ok(false);
        }
        match mounted {
            Some((mount, mounted)) => mounted.replace(mount.content(&new)?)?,
            None => drop(new.injected()?),
        }
        Ok(self.next.replace(new).is_none())
    }

    /// Somebody else's signal. One that ends programs takes a restart back that is under way; after SIGTERM there is none
    /// any more, while a program may well go on after the others.
    fn told(&mut self, signal: Signal) {
        self.ending |= signal == Signal::TERM;
        if matches!(signal, Signal::TERM | Signal::INT | Signal::HUP | Signal::QUIT) {
            self.next = None;
        }
    }

    fn restarts(&mut self) -> Option<Variables> {
        self.deadline = None;
        self.next.take()
    }
}

/// The child that runs now.
struct Running {
    child: Child,
    pid: Pid,
    /// Whether the terminal sends its signals to the program itself.
    at_terminal: bool,
}

impl Running {
    fn start(
        args: &RunArgs,
        mounted: bool,
        variables: &Variables,
        sender: &SyncSender<Event>,
    ) -> Result<Self, CliError> {
        let mut command = args.program((!mounted).then_some(variables))?;
        let child = command.spawn().map_err(|error| not_started(command.get_program(), &error))?;
        let pid = Pid::from_child(&child);
        let (id, ended) = (child.id(), sender.clone());
        // It stays a zombie until the loop reaps it, so its number is nobody else's while signals may be sent to it.
        let wait = move || {
            let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
            while matches!(waitid(WaitId::Pid(pid), options), Err(rustix::io::Errno::INTR)) {}
            drop(ended.send(Event::Ended(id)));
        };
        thread("wait", wait)?;
        Ok(Self { child, pid, at_terminal: std::io::stdin().is_terminal() })
    }

    /// Hands a signal to the program. What a terminal sends, it has sent to the program as well: twice would be once too
    /// often for those who take the second Ctrl-C for impatience.
    fn send(&self, signal: Signal) {
        if self.at_terminal && matches!(signal, Signal::INT | Signal::QUIT) {
            return;
        }
        // It may have ended in this moment; the event says so next.
        let _ = kill_process(self.pid, signal);
    }
}

fn code_of(status: ExitStatus) -> ExitCode {
    let code = status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0));
    ExitCode::from(u8::try_from(code).unwrap_or(1))
}

/// Starts a thread that lives as long as the process.
fn thread(name: &str, work: impl FnOnce() + Send + 'static) -> Result<(), CliError> {
    let started = std::thread::Builder::new().name(name.to_owned()).spawn(work);
    started.map(drop).map_err(|error| CliError::failed(format!("no thread: {error}")))
}

/// Makes events of the signals a program may be sent.
fn hand_on_signals(sender: SyncSender<Event>) -> Result<(), CliError> {
    let failed = |error: std::io::Error| CliError::failed(format!("cannot handle signals: {error}"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().map_err(failed)?;
    let entered = runtime.enter();
    let listen = |kind: SignalKind| signal(kind).map_err(failed);
    let (mut int, mut term) = (listen(SignalKind::interrupt())?, listen(SignalKind::terminate())?);
    let (mut hup, mut quit) = (listen(SignalKind::hangup())?, listen(SignalKind::quit())?);
    let (mut usr1, mut usr2) = (listen(SignalKind::user_defined1())?, listen(SignalKind::user_defined2())?);
    drop(entered);
    let hand_on = async move {
        loop {
            let came = tokio::select! {
                _ = int.recv() => Signal::INT,
                _ = term.recv() => Signal::TERM,
                _ = hup.recv() => Signal::HUP,
                _ = quit.recv() => Signal::QUIT,
                _ = usr1.recv() => Signal::USR1,
                _ = usr2.recv() => Signal::USR2,
            };
            if sender.send(Event::Signal(came)).is_err() {
                return;
            }
        }
    };
    thread("signals", move || runtime.block_on(hand_on))
}

/// Asks the server for changes, for as long as the process lives.
fn watch(source: Source, etag: Option<String>, sender: SyncSender<Event>) -> Result<(), CliError> {
    // Nothing is ever sent: waiting for it is the pause between two questions.
    let (never, pause) = sync_channel::<()>(1);
    thread("watch", move || {
        let _never = never;
        let (mut known, mut wait, mut failing) = (etag, POLL, false);
        loop {
            let _nothing = pause.recv_timeout(wait);
            let events = match source.asked.send(&source.client, known.as_deref()) {
                Ok(None) => (failing.then(back), None),
                Ok(Some(fetched)) => {
                    known.clone_from(&fetched.etag);
                    let kept = source.keep(&fetched).err();
                    let say = kept.map(|error| Event::Say(format!("the fallback is not up to date: {error}")));
                    (say.or_else(|| failing.then(back)), Some(Event::Changed(fetched)))
                }
                Err(error) => {
                    let unreachable = error.exit() == Exit::Unreachable;
                    wait = if unreachable { (wait * 2).min(POLL_UNREACHABLE) } else { POLL_REFUSED };
                    let say = (!failing).then(|| Event::Say(format!("the variables may be old: {error}")));
                    failing = true;
                    drop(say.map(|say| sender.send(say)));
                    continue;
                }
            };
            (wait, failing) = (POLL, false);
            if [events.0, events.1].into_iter().flatten().any(|event| sender.send(event).is_err()) {
                return;
            }
        }
    })
}

fn back() -> Event {
    Event::Say("the server answers again".to_owned())
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::cli::args::{Cli, Command};

    fn variables(of: serde_json::Value) -> Variables {
        Variables::read(serde_json::json!({ "variables": of }).to_string().as_bytes()).unwrap()
    }

    #[test]
    fn a_program_is_stopped_once_for_the_newest_of_the_chosen_variables_and_not_while_it_ends() {
        let cli = Cli::try_parse_from(["holdfast", "run", "--watch", "--only", "A", "x"]).unwrap();
        let Command::Run(args) = cli.command else { panic!("not run") };
        let of = |a: &str, b: &str| variables(serde_json::json!({ "A": a, "B": b }));
        let current = of("1", "1").choose(&["A".to_owned()], &[]).unwrap();
        let mut state = State { current, next: None, deadline: None, ending: false };
        assert!(!state.take(&args, None, of("1", "2")).unwrap(), "B is not among the chosen");
        assert!(state.take(&args, None, of("2", "2")).unwrap());
        assert!(!state.take(&args, None, of("3", "2")).unwrap(), "it is being stopped already");
        assert!(state.take(&args, None, variables(serde_json::json!({}))).is_err(), "a chosen one is gone");
        let next = state.restarts().expect("for the newest");
        assert_eq!(next.values["A"].expose(), b"3");
        state.current = next;
        assert!(state.take(&args, None, of("4", "2")).unwrap());
        state.told(Signal::INT);
        assert!(state.restarts().is_none(), "somebody wanted it to end");
        state.told(Signal::TERM);
        assert!(!state.take(&args, None, of("5", "2")).unwrap());
    }
}
