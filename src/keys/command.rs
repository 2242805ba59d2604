//! A command that prints the root key (a KMS, a TPM): run with a time limit, its output never shown.

use std::io::Read as _;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use zeroize::Zeroizing;

use super::KeyError;

/// How long the command may take.
const TIME_LIMIT: Duration = Duration::from_secs(10);
/// How often a command that closed its output is asked whether it has ended.
const ASK_EVERY: Duration = Duration::from_millis(5);
/// The most it may print.
const OUTPUT_MAX: u64 = 4_096;

/// Runs `command` (program and arguments, no shell) and answers what it printed. Its stderr goes to ours.
pub(super) fn output(command: &[String]) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    output_within(command, TIME_LIMIT)
}

fn output_within(command: &[String], limit: Duration) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    let (program, arguments) = command
        .split_first()
        .ok_or_else(|| KeyError::Command { program: String::new(), problem: "is empty".into() })?;
    let failed = |problem: String| KeyError::Command { program: program.clone(), problem };
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|e| failed(format!("could not be started: {e}")))?;
    let result = wait(&mut child, Instant::now() + limit).map_err(failed);
    if result.is_err() {
        // It may have ended by itself; either way nothing of it is left.
        let _ended = child.kill();
        let _reaped = child.wait();
    }
    result
}

fn wait(child: &mut Child, deadline: Instant) -> Result<Zeroizing<Vec<u8>>, String> {
    let too_long = || format!("took longer than {} s", TIME_LIMIT.as_secs());
    let stdout = child.stdout.take().ok_or("has no output")?;
    let (send, printed) = mpsc::channel();
    std::thread::spawn(move || {
        let mut bytes = Zeroizing::new(Vec::with_capacity(usize::try_from(OUTPUT_MAX).unwrap_or(0) + 1));
        let read = stdout.take(OUTPUT_MAX + 1).read_to_end(&mut bytes).map(|_| bytes);
        // Nobody waits any more when it took too long.
        let _late = send.send(read);
    });
    let bytes = printed
        .recv_timeout(deadline.saturating_duration_since(Instant::now()))
        .map_err(|_| too_long())?
        .map_err(|e| format!("could not be read: {e}"))?;
    if bytes.len() as u64 > OUTPUT_MAX {
        return Err(format!("printed more than {OUTPUT_MAX} bytes"));
    }
    // Its output is closed, so it is ending; the channel only serves as a clock that cannot oversleep.
    let (_keep, clock) = mpsc::channel::<()>();
    loop {
        match child.try_wait().map_err(|e| format!("could not be waited for: {e}"))? {
            Some(status) if status.success() => return Ok(bytes),
            Some(status) => return Err(format!("failed: {status}")),
            None if Instant::now() >= deadline => return Err(too_long()),
            None => debug_assert_eq!(clock.recv_timeout(ASK_EVERY), Err(RecvTimeoutError::Timeout)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Vec<String> {
        ["sh", "-c", script].map(String::from).to_vec()
    }

    #[test]
    fn what_it_prints_is_the_answer() {
        assert_eq!(output(&shell("printf abc")).unwrap().as_slice(), b"abc");
    }

    #[test]
    fn failing_missing_and_chatty_commands_are_told_apart() {
        let message = |command: &[String]| output(command).unwrap_err().to_string();
        assert!(message(&shell("printf abc; exit 3")).contains("exit status: 3"));
        assert!(message(&["/nonexistent/kms".into()]).contains("could not be started"));
        assert!(message(&shell("head -c 5000 /dev/zero")).contains("more than 4096"));
        assert!(message(&[]).contains("is empty"));
    }

    #[test]
    fn one_that_hangs_is_ended() {
        let limit = Duration::from_millis(50);
        for script in ["exec sleep 60", "exec >&-; exec sleep 60"] {
            let error = output_within(&shell(script), limit).unwrap_err();
            assert!(error.to_string().contains("took longer"), "{error}");
        }
    }
}
