//! The shell export, run by a real shell.

use std::io::Write as _;
use std::process::{Command, Stdio};

use holdfast::vault::format::{Variable, write_shell};

#[test]
fn a_posix_shell_receives_every_byte_but_nul() {
    let mut value: Vec<u8> = (1..=255).collect();
    value.extend_from_slice(b"'$(exit 9)`exit 9`${HOME}\\'\"!*~ \n\n");
    let mut script = write_shell(&[Variable { name: "A", value: &value }]).expect("a shell holds it").expose().clone();
    script.extend_from_slice(b"exec printenv -0 A\n");
    let mut shell =
        Command::new("sh").env("LC_ALL", "C").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("sh");
    shell.stdin.take().expect("piped").write_all(&script).expect("it reads its input");
    let output = shell.wait_with_output().expect("it ends");
    value.push(0);
    assert!(output.status.success());
    assert_eq!(output.stdout, value);
}
