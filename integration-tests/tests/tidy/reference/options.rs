//! One page for each program: its verbs and options, as `--help` knows them.

use super::page::Page;
use clap::{Arg, Command};
use ftp_io::program::settings::Table;

/// The page of a program.
pub(super) fn page(mut program: Command) -> Page {
    program.build();
    let name = program.get_name().to_owned();
    let mut page = Page::new(format!("{name}.md"), &name);
    describe(&mut page, &program);
    arguments(&mut page, &program, |_| true);
    for verb in program.get_subcommands().filter(|verb| !verb.is_hide_set() && verb.get_name() != "help") {
        page.heading(&format!("{name} {}", verb.get_name()));
        describe(&mut page, verb);
        arguments(&mut page, verb, |arg| !arg.is_global_set() && arg.get_id() != "help");
    }
    page
}

/// The page of the policy file of ftp-relay-agent.
pub(super) fn policy() -> Page {
    let mut page = Page::new("ftp-relay-agent-policy.md", "The policy file of ftp-relay-agent");
    page.paragraph(
        "A TOML file, for `ftp-relay-agent run --config`, `join --config` and `hub --config`. The other [options of the \
         verb](ftp-relay-agent.md) are keys with the same names, without dashes before them, except the address of the hub \
         and the name of `join`; the command line beats the file. A path is relative to the \
         directory of the file. SIGHUP reads the file and the tokens again: a mistake is logged with its line and \
         column, and what was read before stays in force. A duration is a number and `ms`, `s`, `m`, `h` or `d`, a size \
         a number and `KiB`, `MiB`, `GiB`, `KB`, `MB` or `GB`, a rate a size with or without `/s`.",
    );
    tables(&mut page, ftp_relay_agent::config::tables());
    page
}

/// The page of the configuration file of ftp-server: its keys are options, or stand in tables.
pub(super) fn configuration() -> Page {
    let mut page = Page::new("ftp-server-configuration.md", "The configuration file of ftp-server");
    page.paragraph(
        "A TOML file, for `--config`. Every [option of the command line](ftp-server.md) is a key with the same \
         name, without dashes before it. A repeatable option is a list, a switch is `true` or `false`. A path is \
         relative to the directory of the file. The command line beats the file. A duration is a number and \
         `ms`, `s`, `m`, `h` or `d`, a size a number and `KiB`, `MiB`, `GiB`, `KB`, `MB` or `GB`, without a blank \
         between them; a duration without a unit is in seconds, a size without one in bytes. `ftp-server \
         check-config FILE` says every mistake with its line and column, and looks at what the file names.",
    );
    tables(&mut page, ftp_server::config::tables());
    page
}

/// The tables of a file.
fn tables(page: &mut Page, tables: Vec<Table>) {
    for Table { heading, text, mut keys } in tables {
        keys = keys.disable_help_flag(true);
        keys.build();
        page.heading(&format!("`{heading}`"));
        page.paragraph(text);
        let shown = keys.get_arguments().filter(|key| !key.is_hide_set());
        let keys: Vec<[String; 3]> = shown.map(row).collect();
        page.table(
            ["key", "meaning", "default"],
            keys.into_iter().map(|[key, rest @ ..]| {
                let [meaning, default] = rest;
                [key.replacen("`--", "`", 1), meaning, default]
            }),
        );
    }
}

/// What a command is for, and how it is called.
fn describe(page: &mut Page, command: &Command) {
    let about = command.get_long_about().or_else(|| command.get_about());
    let about = about.map(ToString::to_string).unwrap_or_default();
    for paragraph in about.split("\n\n") {
        // Lines that are indented, or follow a line that ends in a colon, are examples.
        if paragraph.lines().any(|line| line.starts_with("  ")) {
            page.code(paragraph);
        } else {
            page.paragraph(&sentence(paragraph));
        }
    }
    page.code(&command.clone().render_usage().to_string());
}

/// With a full stop at its end.
fn sentence(text: &str) -> String {
    let text = text.trim();
    if text.ends_with(['.', ':', '?']) { text.to_owned() } else { format!("{text}.") }
}

/// The arguments, a table for each heading of the help.
fn arguments(page: &mut Page, command: &Command, wanted: impl Fn(&Arg) -> bool) {
    let shown: Vec<&Arg> = command.get_arguments().filter(|arg| !arg.is_hide_set() && wanted(arg)).collect();
    let mut headings: Vec<Option<&str>> = Vec::new();
    for arg in &shown {
        if !headings.contains(&arg.get_help_heading()) {
            headings.push(arg.get_help_heading());
        }
    }
    for heading in headings {
        let here = shown.iter().filter(|arg| arg.get_help_heading() == heading);
        page.table([heading.unwrap_or("argument"), "meaning", "default"], here.map(|arg| row(arg)));
    }
}

/// One argument: how it is written, what it means, what holds without it.
fn row(arg: &Arg) -> [String; 3] {
    let long = arg.to_string();
    let name = match arg.get_short() {
        Some(short) if arg.get_long().is_some() => format!("`-{short}`, `{long}`"),
        Some(_) | None => format!("`{long}`"),
    };
    let help = arg.get_long_help().or_else(|| arg.get_help()).map(ToString::to_string).unwrap_or_default();
    let (help, written) = split_default(&help);
    let values = values(arg);
    let meaning = if values.is_empty() { help } else { format!("{}. {values}", help.trim_end_matches('.')) };
    let takes_values = arg.get_action().takes_values();
    let defaults = arg.get_default_values().iter().filter(|_| takes_values);
    let mut defaults: Vec<String> = defaults.map(|value| format!("`{}`", value.to_string_lossy())).collect();
    defaults.extend(written);
    [name, meaning, defaults.join(", ")]
}

/// The default that a help text tells in its last words, `[default: 15s]`, apart from the rest.
fn split_default(help: &str) -> (String, Option<String>) {
    match help.split_once(" [default: ").and_then(|(help, rest)| Some((help, rest.strip_suffix(']')?))) {
        Some((help, default)) => (help.to_owned(), Some(default.to_owned())),
        None => (help.to_owned(), None),
    }
}

/// The values of an argument that has a fixed set of them.
fn values(arg: &Arg) -> String {
    let values = if arg.get_action().takes_values() { arg.get_possible_values() } else { Vec::new() };
    let shown = values.iter().filter(|value| !value.is_hide_set());
    let described = shown.map(|value| match value.get_help() {
        Some(help) => format!("`{}`: {help}", value.get_name()),
        None => format!("`{}`", value.get_name()),
    });
    described.collect::<Vec<String>>().join("; ")
}

#[test]
fn an_argument_is_shown_with_its_values_and_its_default() {
    let mut command = Command::new("x")
        .arg(
            clap::arg!(-w --when <WHEN> "When to do it.").value_parser(["now", "later"]).default_value("now"),
        )
        .arg(clap::arg!(--secret "not for people").hide(true))
        .arg(clap::arg!(--patience <T> "How long to wait [default: 15s]"))
        .arg(clap::arg!(<FILE> "a file"));
    command.build();
    let rows: Vec<[String; 3]> =
        command.get_arguments().filter(|arg| !arg.is_hide_set() && arg.get_id() != "help").map(row).collect();
    assert_eq!(
        rows,
        [
            ["`-w`, `--when <WHEN>`", "When to do it. `now`; `later`", "`now`"].map(String::from),
            ["`--patience <T>`", "How long to wait", "15s"].map(String::from),
            ["`<FILE>`", "a file", ""].map(String::from),
        ]
    );
}
