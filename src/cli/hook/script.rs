//! What a shell evaluates: assignments, and the function that asks for them at every prompt.

use super::Shell;

/// Whether every shell takes it for the name of a variable.
pub(super) fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// Statements for one shell.
pub(super) struct Script {
    shell: Shell,
    text: Vec<u8>,
}

impl Script {
    pub(super) fn new(shell: Shell) -> Self {
        Self { shell, text: Vec::new() }
    }

    /// Exports a variable. `name` is one ([`is_name`]); `value` has no NUL.
    pub(super) fn set(&mut self, name: &str, value: &[u8]) {
        let (before, after): (&[u8], &[u8]) = match self.shell {
            Shell::Bash | Shell::Zsh => (b"export ", b"="),
            Shell::Fish => (b"set -gx ", b" "),
        };
        self.text.extend_from_slice(before);
        self.text.extend_from_slice(name.as_bytes());
        self.text.extend_from_slice(after);
        quote(self.shell, &mut self.text, value);
        self.text.push(b'\n');
    }

    /// Takes a variable away.
    pub(super) fn unset(&mut self, name: &str) {
        let command = match self.shell {
            Shell::Bash | Shell::Zsh => "unset",
            Shell::Fish => "set -eg",
        };
        self.text.extend_from_slice(format!("{command} {name}\n").as_bytes());
    }

    pub(super) fn finish(self) -> Vec<u8> {
        self.text
    }
}

/// One word in single quotes. In a POSIX shell nothing is special in them; fish knows `\\` and `\'`.
fn quote(shell: Shell, out: &mut Vec<u8>, value: &[u8]) {
    out.push(b'\'');
    for byte in value {
        match (shell, byte) {
            (Shell::Bash | Shell::Zsh, b'\'') => out.extend_from_slice(b"'\\''"),
            (Shell::Fish, b'\'' | b'\\') => out.extend_from_slice(&[b'\\', *byte]),
            (_, other) => out.push(*other),
        }
    }
    out.push(b'\'');
}

/// What the shell evaluates once, at its start. Evaluating it again changes nothing.
pub(super) fn install(shell: Shell, program: &[u8]) -> Vec<u8> {
    let (before, after) = match shell {
        Shell::Bash => (
            "_holdfast_hook() {\n  local _holdfast_status=$?\n  eval \"$(",
            " hook export bash)\"\n  return \"$_holdfast_status\"\n}\n\
             if [[ \";${PROMPT_COMMAND[*]:-};\" != *\";_holdfast_hook;\"* && \" ${PROMPT_COMMAND[*]:-} \" != *\" _holdfast_hook \"* ]]; then\n\
             \x20 if [[ \"$(declare -p PROMPT_COMMAND 2>/dev/null)\" == \"declare -a\"* ]]; then\n\
             \x20   PROMPT_COMMAND=(_holdfast_hook \"${PROMPT_COMMAND[@]}\")\n  else\n\
             \x20   PROMPT_COMMAND=\"_holdfast_hook${PROMPT_COMMAND:+;$PROMPT_COMMAND}\"\n  fi\nfi\n",
        ),
        Shell::Zsh => (
            "_holdfast_hook() {\n  eval \"$(",
            " hook export zsh)\"\n}\ntypeset -ag precmd_functions chpwd_functions\n\
             if (( ! ${precmd_functions[(I)_holdfast_hook]} )); then\n  precmd_functions=(_holdfast_hook $precmd_functions)\nfi\n\
             if (( ! ${chpwd_functions[(I)_holdfast_hook]} )); then\n  chpwd_functions=(_holdfast_hook $chpwd_functions)\nfi\n",
        ),
        Shell::Fish => (
            "function _holdfast_hook --on-event fish_prompt --on-variable PWD --description 'Load the variables of a directory'\n  ",
            " hook export fish | source\nend\n",
        ),
    };
    let mut out = before.as_bytes().to_vec();
    quote(shell, &mut out, program);
    out.extend_from_slice(after.as_bytes());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_quoted_for_their_shell() {
        let set = |shell| {
            let mut script = Script::new(shell);
            script.set("A", b"it's \\ $(x)\n");
            script.unset("B");
            String::from_utf8(script.finish()).unwrap()
        };
        assert_eq!(set(Shell::Bash), "export A='it'\\''s \\ $(x)\n'\nunset B\n");
        assert_eq!(set(Shell::Zsh), set(Shell::Bash));
        assert_eq!(set(Shell::Fish), "set -gx A 'it\\'s \\\\ $(x)\n'\nset -eg B\n");
    }

    #[test]
    fn names_are_names() {
        assert!(is_name("A_1") && is_name("_"));
        assert!(["", "1A", "A-B", "A B", "Ä", "A;B"].iter().all(|name| !is_name(name)));
    }
}
