//! Completions as people use them: Tab pressed in bash, zsh and fish, at a pseudo-terminal. And the manual pages.

use integration_tests::binary::Program;
use integration_tests::foreign::{Skipped, Tool};
use integration_tests::or_skip;
use integration_tests::socket::until;
use integration_tests::terminal::screen_of;
use std::fs;
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};
use tempfile::TempDir;

/// What a shell shows when it waits for a line.
const PROMPT: &str = "READY>";

/// A shell at a pseudo-terminal, in which our programs only note how they were called.
struct Shell {
    home: TempDir,
    child: Child,
    keys: ChildStdin,
    screen: Arc<Mutex<String>>,
    lines: usize,
}

impl Shell {
    /// Starts it with `command` in a home directory that `prepare` has filled.
    fn start(command: &str, prepare: impl FnOnce(&Path)) -> Result<Self, Skipped> {
        let home = tempfile::tempdir().unwrap();
        note_calls(home.path());
        let settings = home.path().join(".config/ftp-user");
        fs::create_dir_all(&settings).unwrap();
        let sites =
            "[sites.lab]\nurl = \"ftp://ann@127.0.0.2/\"\n[sites.backup]\nurl = \"ftp://bob@127.0.0.3/\"\n";
        fs::write(settings.join("config.toml"), sites).unwrap();
        fs::set_permissions(settings.join("config.toml"), fs::Permissions::from_mode(0o600)).unwrap();
        fs::write(home.path().join("local file.txt"), "").unwrap();
        // [lab]pub/readme is a pattern of a shell too, and this is what it matches.
        fs::create_dir(home.path().join("bpub")).unwrap();
        fs::write(home.path().join("bpub/readme"), "").unwrap();
        keep_listings(home.path());
        keep_job(home.path());
        prepare(home.path());
        let line = format!("stty rows 40 columns 200; exec {command}");
        let mut script = Command::new("script");
        script.args(["--quiet", "--return", "--command", &line, "/dev/null"]);
        let path = std::env::var("PATH").unwrap_or_default();
        script.env_clear().env("HOME", home.path()).env("TERM", "dumb").env("SHELL", "/bin/sh");
        script.env("PATH", format!("{}:{path}", home.path().join("bin").display())).env("LC_ALL", "C.UTF-8");
        script.current_dir(home.path()).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = script.spawn().map_err(|_| Skipped("there is no script(1)".into()))?;
        let (keys, stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let screen = screen_of(stdout);
        Ok(Self { home, child, keys, screen, lines: 0 })
    }

    /// Types a line with its Tabs, and returns the words with which the program was called.
    fn types(&mut self, line: &str) -> String {
        let (screen, lines) = (Arc::clone(&self.screen), self.lines);
        until("a prompt", || screen.lock().unwrap().matches(PROMPT).count() > lines);
        self.keys.write_all(line.as_bytes()).unwrap();
        self.keys.write_all(b"\n").unwrap();
        let noted = self.home.path().join("noted");
        let mut calls = Vec::new();
        until(line, || {
            let text = fs::read_to_string(&noted).unwrap_or_default();
            calls = text.lines().map(str::to_owned).collect();
            calls.len() > lines
        });
        self.lines += 1;
        calls.pop().unwrap()
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        // It may have ended already.
        drop(self.child.kill());
        drop(self.child.wait());
        if std::thread::panicking() {
            eprintln!("---- the screen ----\n{}", self.screen.lock().unwrap());
        }
    }
}

/// What the shell of `ftp-user` has kept of two directories.
fn keep_listings(home: &Path) {
    let state = home.join(".local/state/ftp-user");
    fs::create_dir_all(&state).unwrap();
    fs::set_permissions(&state, fs::Permissions::from_mode(0o700)).unwrap();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let listings = [("lab:pub", "it's;$(x)\treadme\tsub/"), ("ftp://ann@127.0.0.2/d", "one.txt")];
    let lines = listings
        .map(|(directory, names)| format!("{{\"directory\":\"{directory}\",\"at\":{now}}}\t{names}\n"));
    let kept = lines.concat();
    let file = state.join("shell-listings.txt");
    fs::write(&file, kept).unwrap();
    fs::set_permissions(file, fs::Permissions::from_mode(0o600)).unwrap();
}

/// A job in the journal: a copy to a server that does not answer.
fn keep_job(home: &Path) {
    let copy = ["--retries", "0", "copy", "--id", "nightly", "local file.txt", "ftp://ann:x@127.0.0.1:1/d"];
    let done = Program::User.command().args(copy).env("HOME", home).current_dir(home).output().unwrap();
    assert_eq!(done.status.code(), Some(5), "{}", String::from_utf8_lossy(&done.stderr));
}

/// Programs with the names of ours. They note how they were called, and have the real ones complete words.
fn note_calls(home: &Path) {
    let bin = home.join("bin");
    fs::create_dir(&bin).unwrap();
    for program in [Program::User, Program::Server, Program::RelayAgent] {
        let real = program.path();
        let name = real.file_name().unwrap();
        // One write for each call, so that nobody reads half a line.
        let text = format!(
            "#!/bin/sh\nif [ \"$1\" = completions ]; then exec '{}' \"$@\"; fi\nwords=\nfor word; do words=\"$words$word|\"; done\necho \"$words\" >>'{}'\n",
            real.display(),
            home.join("noted").display()
        );
        fs::write(bin.join(name), text).unwrap();
        fs::set_permissions(bin.join(name), fs::Permissions::from_mode(0o755)).unwrap();
    }
}

/// Lines that are the same in every shell: what is typed, and what the program gets.
const LINES: [(&str, &str); 20] = [
    ("ftp-user cop\t--over\tdiff\tx", "copy|--overwrite|different|x|"),
    ("ftp-user rm --rec\tx", "rm|--recursive|x|"),
    ("ftp-user --json mkd\t--par\tx", "--json|mkdir|--parents|x|"),
    ("ftp-user sites ed\tla\tx", "sites|edit|lab|x|"),
    ("ftp-user copy la\tx bac\ty", "copy|lab:x|backup:y|"),
    ("ftp-user copy loc\tx", "copy|local file.txt|x|"),
    ("ftp-user why la\tx", "why|last|x|"),
    ("ftp-user why nig\tx", "why|nightly|x|"),
    ("ftp-user resume n\tx", "resume|nightly|x|"),
    ("ftp-user man cop\tx", "man|copy|x|"),
    ("ftp-user cat lab:pub/rea\tx", "cat|lab:pub/readme|x|"),
    ("ftp-user cat lab:pub/it%27\tx", "cat|lab:pub/it%27s%3B%24%28x%29|x|"),
    ("ftp-user cat [lab]pub/rea\tx", "cat|[lab]pub/readme|x|"),
    ("ftp-user copy lab:pub/it\tlab:pub/su\tx", "copy|lab:pub/it%27s%3B%24%28x%29|lab:pub/sub/x|"),
    ("ftp-user cat ftp://ann\td/o\tx", "cat|ftp://ann@127.0.0.2/d/one.txt|x|"),
    ("ftp-user cat lab:none/\tx", "cat|lab:none/x|"),
    (
        "ftp-user sync --backup-dir la\tpub/su\told lab:a lab:b",
        "sync|--backup-dir|lab:pub/sub/old|lab:a|lab:b|",
    ),
    ("ftp-server --foreign aut\tx", "--foreign|authenticated|x|"),
    ("ftp-server check-c\tloc\tx", "check-config|local file.txt|x|"),
    ("ftp-relay-agent tok\t--exp\tx", "token|--expires|x|"),
];

fn check(shell: &mut Shell, lines: &[(&str, &str)]) {
    for (typed, expect) in lines {
        assert_eq!(shell.types(typed), *expect, "{typed:?}");
    }
}

#[test]
fn bash_completes_verbs_options_values_sites_and_files() {
    let bash = or_skip!(Tool::installed("bin/bash"));
    let prepare = |home: &Path| {
        let mut start = format!("PS1='{PROMPT} '; bind 'set enable-bracketed-paste off'; unset HISTFILE\n");
        for name in ["ftp-user", "ftp-server", "ftp-relay-agent"] {
            start.push_str(&format!("source <({name} completions bash)\n"));
        }
        fs::write(home.join("start"), start).unwrap();
    };
    let command = format!("{} --noprofile --rcfile start -i", bash.program().display());
    let mut shell = or_skip!(Shell::start(&command, prepare));
    check(&mut shell, &LINES);
    // Bash takes words apart at these characters.
    check(
        &mut shell,
        &[
            ("ftp-user copy --verify=ha\tx", "copy|--verify=hash|x|"),
            ("ftp-user copy ftp://ann@127.0.0.2/a la\tx", "copy|ftp://ann@127.0.0.2/a|lab:x|"),
            ("ftp-user copy --pin SHA256:00 --verif\tha\tx", "copy|--pin|SHA256:00|--verify|hash|x|"),
            ("bin/ftp-user cop\tx", "copy|x|"),
            ("ftp-user cat [la\tpub/rea\tx", "cat|[lab]pub/readme|x|"),
            ("ftp-user cat \\[lab\\]pub/s\tx", "cat|[lab]pub/sub/x|"),
        ],
    );
}

#[test]
fn zsh_completes_verbs_options_values_sites_and_files() {
    let (command, paths) = or_skip!(zsh());
    let prepare = |home: &Path| {
        let mut start =
            format!("{paths}PS1='{PROMPT} '; unset HISTFILE\nautoload -Uz compinit && compinit -u -D\n");
        for name in ["ftp-user", "ftp-server", "ftp-relay-agent"] {
            start.push_str(&format!("source <({name} completions zsh)\n"));
        }
        fs::write(home.join(".zshrc"), start).unwrap();
    };
    let mut shell = or_skip!(Shell::start(&command, prepare));
    check(&mut shell, &LINES);
}

#[test]
fn fish_completes_verbs_options_values_sites_and_files() {
    let command = or_skip!(fish());
    let prepare = |home: &Path| {
        let functions = home.join(".config/fish");
        fs::create_dir_all(&functions).unwrap();
        let mut start = format!(
            "function fish_prompt; echo -n '{PROMPT} '; end\nfunction fish_greeting; end\nset -g fish_autosuggestion_enabled 0\n"
        );
        for name in ["ftp-user", "ftp-server", "ftp-relay-agent"] {
            start.push_str(&format!("{name} completions fish | source\n"));
        }
        fs::write(functions.join("config.fish"), start).unwrap();
    };
    let mut shell = or_skip!(Shell::start(&command, prepare));
    check(&mut shell, &LINES);
}

/// How zsh is started, and where its modules and functions are if it was fetched.
fn zsh() -> Result<(String, String), Skipped> {
    if let Ok(zsh) = Tool::installed("bin/zsh") {
        return Ok((format!("{} -d", zsh.program().display()), String::new()));
    }
    let zsh = Tool::debian_library("zsh", &["zsh", "zsh-common"])?;
    let paths = format!(
        "module_path=({}/zsh/5.9)\nfpath=({}/**/*(/N) {})\n",
        zsh.libraries().display(),
        zsh.beside("share/zsh/functions").display(),
        zsh.beside("share/zsh/functions").display()
    );
    Ok((format!("{} {} -d", libraries(&zsh), zsh.beside("../bin/zsh").display()), paths))
}

/// How fish is started. It finds its functions beside itself.
fn fish() -> Result<String, Skipped> {
    if let Ok(fish) = Tool::installed("bin/fish") {
        return Ok(fish.program().display().to_string());
    }
    let fish = Tool::debian("fish", &["fish", "fish-common"], "bin/fish")?;
    let etc: PathBuf = fish.beside("etc");
    if !etc.exists() {
        // Another test may make it at the same moment.
        drop(symlink("../etc", &etc));
    }
    Ok(format!("{} {}", libraries(&fish), fish.program().display()))
}

/// The variables that a fetched program needs, as words of a shell.
fn libraries(tool: &Tool) -> String {
    let all = tool.environment().into_iter().filter(|(name, _)| *name == "LD_LIBRARY_PATH");
    let words = all.map(|(name, value)| format!("{name}='{}'", value.to_string_lossy()));
    format!("env {}", words.collect::<Vec<_>>().join(" "))
}

/// What a program prints for these arguments and this input, and its exit code.
fn printed(program: Program, args: &[&str], home: &Path, input: &[u8]) -> (String, Option<i32>) {
    let mut command = program.command();
    let mut child = command.args(args).env("HOME", home).stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (String::from_utf8_lossy(&said).into_owned(), output.status.code())
}

#[test]
fn settings_with_a_mistake_offer_no_names_and_hide_no_verb() {
    let home = tempfile::tempdir().unwrap();
    let settings = home.path().join(".config/ftp-user");
    fs::create_dir_all(&settings).unwrap();
    fs::write(settings.join("config.toml"), "[sites.lab\n").unwrap();
    let complete =
        |line: &[u8]| printed(Program::User, &["completions", "bash", "--words"], home.path(), line);
    let (said, code) = complete(b"cop\0");
    assert!(said.starts_with("none\ncopy\t") && code == Some(0), "{said}");
    assert_eq!(complete(b"copy\0la\0"), ("files\n".to_owned(), Some(0)));
    // What is no text is no word of ours.
    assert_eq!(complete(b"copy\0\xff\xfe\0").1, Some(0));
}

/// About how many lines of 100 characters a manual page has: headings, paragraphs, and text that is wrapped. A short term
/// shares a line with its text.
fn screen_lines(page: &str) -> usize {
    let mut lines = 0;
    let mut is_term = false;
    for line in page.lines() {
        let length = line.replace("\\fB", "").replace("\\fR", "").replace('\\', "").chars().count();
        let was_term = std::mem::replace(&mut is_term, line.starts_with(".TP"));
        lines += match line.split(' ').next().unwrap_or_default() {
            ".SH" => 2,
            ".PP" => 1,
            request if request.starts_with('.') => 0,
            _ if was_term && length < 15 => 0,
            _ => length.div_ceil(80),
        };
    }
    lines
}

/// The verbs of a program, as it completes them.
fn verbs(program: Program, home: &Path) -> Vec<String> {
    let (words, _) = printed(program, &["completions", "bash", "--words"], home, b"\0");
    let words = words.lines().skip(1).filter_map(|line| line.split('\t').next());
    words.filter(|word| *word != "help").map(str::to_owned).collect()
}

/// The lines of the longest page of a verb: as many as a tall terminal shows. What several verbs have stands on
/// `ftp-user-options(1)`.
const LONGEST_PAGE: usize = 60;

#[test]
fn the_page_of_a_verb_has_about_one_screen() {
    let home = tempfile::tempdir().unwrap();
    let verbs = verbs(Program::User, home.path());
    assert!(verbs.iter().any(|verb| verb == "copy") && verbs.len() > 20, "{verbs:?}");
    for verb in verbs {
        let (page, _) = printed(Program::User, &["man", &verb], home.path(), b"");
        let lines = screen_lines(&page);
        assert!(lines <= LONGEST_PAGE, "{verb} has {lines} lines: {page}");
    }
    let (page, code) = printed(Program::User, &["man", "options"], home.path(), b"");
    assert!(code == Some(0) && page.contains("(copy, move, sync"), "{page}");
}

#[test]
fn each_verb_has_a_manual_page_and_others_are_a_mistake() {
    let home = tempfile::tempdir().unwrap();
    for program in [Program::User, Program::Server, Program::RelayAgent] {
        for verb in verbs(program, home.path()) {
            let (page, code) = printed(program, &["man", &verb], home.path(), b"");
            assert_eq!(code, Some(0), "{page}");
            // What is only about the program itself has no files.
            let has_files = !["completions", "man"].contains(&verb.as_str());
            let sections = ["NAME", "SYNOPSIS", "\"EXAMPLES\"", "\"EXIT STATUS\"", "\"FILES\""];
            for section in sections.into_iter().take(4 + usize::from(has_files)) {
                assert!(page.contains(&format!(".SH {section}\n")), "{program:?} {verb} {section}: {page}");
            }
        }
        let (said, code) = printed(program, &["man", "nothing"], home.path(), b"");
        assert!(said.contains("there is no verb nothing") && said.lines().count() == 1, "{said}");
        assert_eq!(code, Some(2));
    }
}
