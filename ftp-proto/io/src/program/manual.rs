//! The manual pages: one for the program and one for each verb, made of the description that `--help` prints and of
//! what a table adds to it.

use std::io::{self, Write};

use clap::builder::StyledStr;
use clap::{Arg, Args, Command};
use clap_mangen::Man;

use super::output;

/// What the verb `man` of a program takes.
#[derive(Args, Clone, Debug)]
pub struct Manual {
    /// A verb, for its own page
    #[arg(value_name = "VERB")]
    verb: Option<String>,
}

/// What the manual pages of a program say beyond the options.
#[derive(Clone, Copy, Debug)]
pub struct Pages {
    /// A paragraph for each page: its title, examples with what each does, and the names of related pages.
    pub text: &'static str,
    /// How the pages end.
    pub endings: &'static [Ending],
}

/// What the pages of some verbs say at their end.
#[derive(Clone, Copy, Debug)]
pub struct Ending {
    /// The verbs; an empty one stands for the page of the program.
    pub verbs: &'static [&'static str],
    /// Exit statuses, and what each means.
    pub exits: &'static [(u8, &'static str)],
    /// Files and directories, and what each is for.
    pub files: &'static [(&'static str, &'static str)],
}

/// What a page says beyond the options.
#[derive(Clone, Debug)]
pub struct Page {
    /// The verb, or nothing for the page of the program.
    pub verb: &'static str,
    /// Command lines, and what each does.
    pub examples: Vec<(&'static str, &'static str)>,
    /// Exit statuses, and what each means.
    pub exits: &'static [(u8, &'static str)],
    /// Files and directories, and what each is for.
    pub files: &'static [(&'static str, &'static str)],
    /// Names of related pages.
    pub see: Vec<&'static str>,
}

impl Pages {
    /// The pages, in the order of the text.
    pub fn all(self) -> impl Iterator<Item = Page> {
        self.text.split("\n\n").map(move |paragraph| self.page(paragraph))
    }

    /// The page of a verb, or of the program if the verb is empty.
    #[must_use]
    pub fn find(self, verb: &str) -> Option<Page> {
        self.all().find(|page| page.verb == verb)
    }

    fn page(self, paragraph: &'static str) -> Page {
        let mut lines = paragraph.lines().map(str::trim);
        let title = lines.next().unwrap_or_default();
        let verb = title.split_once(' ').map_or("", |(_, verb)| verb);
        let (mut examples, mut see) = (Vec::new(), Vec::new());
        while let Some(line) = lines.next() {
            match line.strip_prefix("See also: ") {
                Some(names) => see.extend(names.split(", ")),
                None => examples.push((line, lines.next().unwrap_or_default())),
            }
        }
        let ending = self.endings.iter().find(|ending| ending.verbs.contains(&verb));
        let (exits, files) = ending.map_or_else(Default::default, |ending| (ending.exits, ending.files));
        Page { verb, examples, exits, files, see }
    }
}

impl Manual {
    /// Prints the page in the language of man(7). Returns the verb if there is none of this name.
    ///
    /// # Errors
    ///
    /// Standard output cannot be written.
    pub fn print(self, command: Command, pages: Pages) -> io::Result<Option<String>> {
        let page = match self.verb.as_deref() {
            None => program_page(command, pages.find("").as_ref()).map(Some),
            Some(OPTIONS) => options_page(command),
            Some(verb) => verb_page(command, verb, pages.find(verb).as_ref()),
        }?;
        match page {
            Some(page) => output::print(&page).map(|()| None),
            None => Ok(self.verb),
        }
    }
}

/// The page of the program: what its verbs are for, and the options of them all.
fn program_page(mut command: Command, more: Option<&Page>) -> io::Result<Vec<u8>> {
    command.build();
    let name = command.get_name().to_owned();
    let verbs: Vec<Command> = shown(&command).cloned().collect();
    let mut page = Vec::new();
    head(&mut page, &command, &name, more)?;
    if !verbs.is_empty() {
        writeln!(page, ".SH VERBS")?;
        for verb in &verbs {
            entry(&mut page, verb.get_name(), &one_line(verb.get_about()))?;
        }
        writeln!(page, ".PP\nEach verb has a page: {}", escaped(&format!("{name} man VERB")))?;
    }
    Man::new(command).render_options_section(&mut page)?;
    let pages: Vec<String> = verbs.iter().map(|verb| format!("{name}-{}", verb.get_name())).collect();
    tail(&mut page, more, &pages)?;
    Ok(page)
}

/// The page of a verb, without the options that all verbs have; `None` if there is no such verb.
fn verb_page(mut command: Command, verb: &str, more: Option<&Page>) -> io::Result<Option<Vec<u8>>> {
    command.build();
    let program = command.get_name().to_owned();
    let Some(verb) = shown(&command).find(|found| found.get_name() == verb) else { return Ok(None) };
    let mut page = Vec::new();
    let shared = shared(&command);
    head(&mut page, verb, &format!("{program}-{}", verb.get_name()), more)?;
    let below: Vec<&Command> = shown(verb).collect();
    if below.is_empty() {
        options(&mut page, verb, &shared)?;
    } else {
        let about = |below: &&Command| (below.get_name().to_owned(), about_below(below, verb));
        entries(&mut page, "VERBS", below.iter().map(about))?;
        options_below(&mut page, verb, &below)?;
    }
    let has_shared = elsewhere(&mut page, verb, &program, &shared)?;
    let related =
        if has_shared { vec![program.clone(), format!("{program}-{OPTIONS}")] } else { vec![program] };
    tail(&mut page, more, &related)?;
    Ok(Some(page))
}

/// The page of the options that several verbs have; `None` if there is none.
fn options_page(mut command: Command) -> io::Result<Option<Vec<u8>>> {
    command.build();
    let program = command.get_name().to_owned();
    let shared = shared(&command);
    if shared.is_empty() {
        return Ok(None);
    }
    let name = escaped(&format!("{program}-{OPTIONS}"));
    let mut page = Vec::new();
    writeln!(page, ".TH {}-OPTIONS 1 \"\" \"{program}\"", program.to_uppercase())?;
    writeln!(page, ".SH NAME\n{name} \\- the options that several verbs have")?;
    let text = |shared: &Shared<'_>| {
        let verbs = shared.verbs.join(", ");
        (term(shared.option), format!("{} ({verbs})", meaning(shared.option)))
    };
    entries(&mut page, "OPTIONS", shared.iter().map(text))?;
    tail(&mut page, None, &[program])?;
    Ok(Some(page))
}

/// An option that means the same in several verbs.
struct Shared<'a> {
    option: &'a Arg,
    verbs: Vec<&'a str>,
}

impl Shared<'_> {
    fn is(&self, option: &Arg) -> bool {
        is_same(self.option, option)
    }
}

fn is_same(one: &Arg, other: &Arg) -> bool {
    let help = |arg: &Arg| arg.get_help().map(ToString::to_string);
    one.get_id() == other.get_id() && help(one) == help(other)
}

/// The options that several verbs have, in the order in which the verbs have them.
fn shared(command: &Command) -> Vec<Shared<'_>> {
    let mut all: Vec<Shared<'_>> = Vec::new();
    for verb in shown(command) {
        for option in own(verb).filter(|arg| !arg.is_positional()) {
            match all.iter_mut().find(|shared| shared.is(option)) {
                Some(shared) => shared.verbs.push(verb.get_name()),
                None => all.push(Shared { option, verbs: vec![verb.get_name()] }),
            }
        }
    }
    all.retain(|shared| shared.verbs.len() > 1);
    all
}

/// Names the options of a verb that stand on other pages. Returns whether one stands on that of several verbs.
fn elsewhere(page: &mut Vec<u8>, verb: &Command, program: &str, all: &[Shared<'_>]) -> io::Result<bool> {
    let names = own(verb).filter(|option| all.iter().any(|shared| shared.is(option)));
    let names: Vec<String> = names.map(term).collect();
    if !names.is_empty() {
        let where_else = escaped(&format!("{program}-{OPTIONS}(1)"));
        writeln!(page, ".PP\nOptions of several verbs, in {where_else}: {}.", escaped(&names.join("; ")))?;
    }
    if verb.get_arguments().any(Arg::is_global_set) {
        writeln!(page, ".PP\nThe general options stand in {}.", escaped(&format!("{program}(1)")))?;
    }
    Ok(!names.is_empty())
}

/// The page of the options that several verbs have.
const OPTIONS: &str = "options";

/// The options and operands of a verb that people see, without those of every verb.
fn own(verb: &Command) -> impl Iterator<Item = &Arg> {
    verb.get_arguments().filter(|arg| !arg.is_global_set() && arg.get_id() != "help" && !arg.is_hide_set())
}

/// What a command below a verb takes, and what it is for.
fn about_below(command: &Command, verb: &Command) -> String {
    let usage = command.clone().render_usage().to_string();
    let words: Vec<&str> = usage.split_whitespace().filter(|word| *word != "[OPTIONS]").collect();
    let own = words.iter().rposition(|word| *word == verb.get_name()).map_or(0, |at| at + 2);
    let takes = words.get(own..).unwrap_or_default().join(" ").replace(['<', '>'], "");
    let about = one_line(command.get_about());
    if takes.is_empty() { about } else { format!("{takes}: {about}") }
}

/// The verbs that people see.
fn shown(command: &Command) -> impl Iterator<Item = &Command> {
    command.get_subcommands().filter(|verb| !verb.is_hide_set() && verb.get_name() != "help")
}

/// What a reader wants first: what it is for, how it is written, and examples.
fn head(page: &mut Vec<u8>, command: &Command, name: &str, more: Option<&Page>) -> io::Result<()> {
    let version = command.get_version().unwrap_or(env!("CARGO_PKG_VERSION"));
    writeln!(page, ".TH {} 1 \"\" \"{} {version}\"", name.to_uppercase(), name)?;
    writeln!(page, ".SH NAME\n{} \\- {}", escaped(name), escaped(&one_line(command.get_about())))?;
    writeln!(page, ".SH SYNOPSIS")?;
    synopsis(page, command)?;
    if let Some(more) = more {
        section(page, "EXAMPLES", more.examples.iter().map(|(line, does)| ((*line).to_owned(), *does)))?;
    }
    if command.get_long_about().is_some() {
        writeln!(page, ".SH DESCRIPTION")?;
        description(page, command)?;
    }
    Ok(())
}

fn synopsis(page: &mut Vec<u8>, command: &Command) -> io::Result<()> {
    let usage = command.clone().render_usage().to_string();
    for (at, line) in usage.trim_start_matches("Usage:").lines().enumerate() {
        let line_break = if at > 0 { ".br\n" } else { "" };
        writeln!(page, "{line_break}{}", escaped(line.trim()))?;
    }
    Ok(())
}

fn description(page: &mut Vec<u8>, command: &Command) -> io::Result<()> {
    let text = command.get_long_about().or_else(|| command.get_about()).map(ToString::to_string);
    // The first paragraph is what the name says already.
    for paragraph in text.unwrap_or_default().split("\n\n").skip(1) {
        // Lines below each other, like those of an example, stay so.
        let lines: Vec<String> = paragraph.lines().map(escaped).collect();
        writeln!(page, ".PP\n{}", lines.join("\n.br\n"))?;
    }
    Ok(())
}

/// The options of a verb, without those that other pages have. A page has room for many: no empty line is between them. A
/// description that is longer than a line tells what the operands are.
fn options(page: &mut Vec<u8>, verb: &Command, shared: &[Shared<'_>]) -> io::Result<()> {
    let all: Vec<&Arg> = own(verb).filter(|arg| !shared.iter().any(|shared| shared.is(arg))).collect();
    let (operands, named): (Vec<&Arg>, Vec<&Arg>) = all.into_iter().partition(|arg| arg.is_positional());
    let operands = if verb.get_long_about().is_some() { Vec::new() } else { operands };
    let all = named.into_iter().chain(operands);
    entries(page, "OPTIONS", all.map(|arg| (term(arg), meaning(arg))))
}

/// The names of the options of the commands below a verb, each once, behind the commands that have it. What they mean has no
/// room on its page.
fn options_below(page: &mut Vec<u8>, verb: &Command, below: &[&Command]) -> io::Result<()> {
    let mut groups: Vec<(Vec<&str>, Vec<String>)> = Vec::new();
    let all = below.iter().flat_map(|command| own(command)).filter(|arg| !arg.is_positional());
    let mut seen: Vec<&Arg> = Vec::new();
    for option in all {
        if seen.iter().any(|known| is_same(known, option)) {
            continue;
        }
        seen.push(option);
        let has = |command: &&&Command| own(command).any(|arg| is_same(arg, option));
        let names: Vec<&str> = below.iter().filter(has).map(|command| command.get_name()).collect();
        match groups.iter_mut().find(|(known, _)| *known == names) {
            Some((_, terms)) => terms.push(term(option)),
            None => groups.push((names, vec![term(option)])),
        }
    }
    if groups.is_empty() {
        return Ok(());
    }
    let help = escaped(&format!("{} VERB --help", verb.get_name()));
    writeln!(page, ".SH OPTIONS\nWhat they mean is told by \\fB{help}\\fR.")?;
    for (names, terms) in groups {
        let (names, terms) = (escaped(&names.join(", ")), escaped(&terms.join("; ")));
        writeln!(page, ".br\n\\fB{names}\\fR: {terms}")?;
    }
    Ok(())
}

/// How an option or an operand is written: `-j, --jobs N`.
fn term(arg: &Arg) -> String {
    let short = arg.get_short().map(|letter| format!("-{letter}"));
    let long = arg.get_long().map(|name| format!("--{name}"));
    let names: Vec<String> = short.into_iter().chain(long).collect();
    let values: Vec<&str> = match arg.get_action().takes_values() {
        true => arg.get_value_names().unwrap_or_default().iter().map(|name| name.as_str()).collect(),
        false => Vec::new(),
    };
    let parts = [names.join(", "), values.join(" ")];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}

/// What an option means, which values it takes, and which one it has without being given.
fn meaning(arg: &Arg) -> String {
    let help = arg.get_long_help().or_else(|| arg.get_help()).map(ToString::to_string).unwrap_or_default();
    let mut text = help.split_whitespace().collect::<Vec<_>>().join(" ");
    if !arg.get_action().takes_values() {
        return text;
    }
    let values = arg.get_possible_values();
    let shown: Vec<&str> =
        values.iter().filter(|value| !value.is_hide_set()).map(|value| value.get_name()).collect();
    if !shown.is_empty() && !arg.is_hide_possible_values_set() {
        text = format!("{text}. Values: {}", shown.join(", "));
    }
    let defaults: Vec<_> = arg.get_default_values().iter().map(|value| value.to_string_lossy()).collect();
    if !defaults.is_empty() && !arg.is_hide_default_value_set() {
        text = format!("{text} [default: {}]", defaults.join(" "));
    }
    text
}

fn tail(page: &mut Vec<u8>, more: Option<&Page>, related: &[String]) -> io::Result<()> {
    let mut see = related.to_vec();
    if let Some(more) = more {
        // The details stand on the page of the program.
        let means = |means: &'static str| match more.verb {
            "" => means,
            _ => means.split([':', ';']).next().unwrap_or(means).split(", and ").next().unwrap_or(means),
        };
        let exits = more.exits.iter().map(|(code, text)| (code, means(text)));
        let exits: Vec<String> =
            exits.map(|(code, means)| format!("\\fB{code}\\fR\\~{}", escaped(means))).collect();
        if !exits.is_empty() {
            writeln!(page, ".SH \"EXIT STATUS\"\n{}", exits.join(" \\(bu "))?;
        }
        let files = more.files.iter().map(|(file, what)| (escaped(file), escaped(means(what))));
        let files: Vec<String> = files.map(|(file, what)| format!("\\fB{file}\\fR\\~{what}")).collect();
        if !files.is_empty() {
            writeln!(page, ".SH \"FILES\"\n{}", files.join(" \\(bu "))?;
        }
        see.extend(more.see.iter().map(|page| (*page).to_owned()));
    }
    let see: Vec<String> = see.iter().map(|name| escaped(&format!("{name}(1)"))).collect();
    if !see.is_empty() {
        writeln!(page, ".SH \"SEE ALSO\"\n{}", see.join(", "))?;
    }
    Ok(())
}

fn section(
    page: &mut Vec<u8>,
    heading: &str,
    all: impl Iterator<Item = (String, &'static str)>,
) -> io::Result<()> {
    entries(page, &format!("\"{heading}\""), all.map(|(term, text)| (term, text.to_owned())))
}

/// A section of terms without empty lines between them; nothing if there is no term.
fn entries(page: &mut Vec<u8>, heading: &str, all: impl Iterator<Item = (String, String)>) -> io::Result<()> {
    let mut all = all.peekable();
    if all.peek().is_none() {
        return Ok(());
    }
    writeln!(page, ".SH {heading}\n.PD 0")?;
    for (term, text) in all {
        entry(page, &term, &text)?;
    }
    writeln!(page, ".PD")
}

/// A term, and below it what it means.
fn entry(page: &mut Vec<u8>, term: &str, text: &str) -> io::Result<()> {
    writeln!(page, ".TP 16\n\\fB{}\\fR\n{}", escaped(term), escaped(text))
}

fn one_line(text: Option<&StyledStr>) -> String {
    let text = text.map(ToString::to_string).unwrap_or_default();
    text.lines().next().unwrap_or_default().trim_end_matches('.').to_owned()
}

/// A text in which man(7) finds no request.
fn escaped(text: &str) -> String {
    let text = text.replace('\\', "\\e").replace('-', "\\-");
    if text.starts_with(['.', '\'']) { format!("\\&{text}") } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::ArgAction;

    const PAGES: Pages = Pages {
        text: "\
program
  program
      Says what it is.

program copy
  program copy a b
      Copies a to b.
See also: other
",
        endings: &[Ending {
            verbs: &["copy"],
            exits: &[(0, "done"), (7, "not verified: more of it")],
            files: &[("~/.netrc", "passwords")],
        }],
    };

    fn command() -> Command {
        let copy = Command::new("copy")
            .about("Copy files")
            .arg(Arg::new("recursive").short('r').action(ArgAction::SetTrue).help("All"))
            .arg(
                Arg::new("links")
                    .long("links")
                    .value_name("WHAT")
                    .value_parser(["skip", "follow"])
                    .help("Links")
                    .default_value("skip"),
            )
            .arg(Arg::new("shared").long("shared").action(ArgAction::SetTrue).help("Same"))
            .arg(Arg::new("source").value_name("SOURCE").help("A place"));
        let named = || Arg::new("limit").long("limit").value_name("RATE").help("How fast");
        let sites = Command::new("sites").about("Names").subcommand(
            Command::new("add").about("Add one").arg(named()).arg(Arg::new("name").help("Its name")),
        );
        let sites = sites.arg(Arg::new("shared").long("shared").action(ArgAction::SetTrue).help("Same"));
        Command::new("program")
            .about("Moves files.")
            .arg(Arg::new("json").long("json").global(true).help("For programs"))
            .subcommands([copy, sites, Command::new("hidden").hide(true)])
    }

    fn verb(name: &str) -> Option<String> {
        let page = verb_page(command(), name, PAGES.find(name).as_ref()).unwrap();
        page.map(|page| String::from_utf8(page).unwrap())
    }

    #[test]
    fn the_page_of_the_program_lists_its_verbs() {
        let page = program_page(command(), PAGES.find("").as_ref()).unwrap();
        let page = String::from_utf8(page).unwrap();
        for part in ["program \\- Moves files\n", "\\fBcopy\\fR\nCopy files\n", "json", "program\\-copy(1)"] {
            assert!(page.contains(part), "{part}: {page}");
        }
        assert!(!page.contains("hidden") && page.contains(".SH \"EXAMPLES\""), "{page}");
    }

    #[test]
    fn the_page_of_a_verb_has_its_own_options_and_sections() {
        let page = verb("copy").unwrap();
        for part in [
            "program\\-copy \\- Copy files\n",
            "\\-r",
            ".SH \"EXAMPLES\"\n.PD 0\n.TP 16\n\\fBprogram copy a b\\fR\nCopies a to b.\n",
            ".SH \"EXIT STATUS\"",
            "\\fB0\\fR\\~done \\(bu \\fB7\\fR\\~not verified",
            "\\fB~/.netrc\\fR",
            "program(1), program\\-options(1), other(1)",
            "Options of several verbs, in program\\-options(1): \\-\\-shared.",
            "The general options stand in program(1).",
        ] {
            assert!(page.contains(part), "{part}: {page}");
        }
        assert!(!page.contains("For programs"), "{page}");
        let whole = ".SH OPTIONS\n.PD 0\n.TP 16\n\\fB\\-r\\fR\nAll\n.TP 16\n\\fB\\-\\-links WHAT\\fR\nLinks. Values: skip, follow \
                     [default: skip]\n.TP 16\n\\fBSOURCE\\fR\nA place\n.PD\n";
        assert!(page.contains(whole), "{page}");
        let at = |part| page.find(part).unwrap();
        assert!(at("SYNOPSIS") < at("EXAMPLES") && at("EXAMPLES") < at(".SH OPTIONS"), "{page}");
        let sites = verb("sites").unwrap();
        assert!(sites.contains(".SH VERBS\n.PD 0\n.TP 16\n\\fBadd\\fR\n[name]: Add one\n"), "{sites}");
        let below = ".SH OPTIONS\nWhat they mean is told by \\fBsites VERB \\-\\-help\\fR.\n.br\n\\fBadd\\fR: \\-\\-limit RATE\n";
        assert!(sites.contains(below), "{sites}");
        let shared = String::from_utf8(options_page(command()).unwrap().unwrap()).unwrap();
        assert!(shared.contains("\\fB\\-\\-shared\\fR\nSame (copy, sites)\n"), "{shared}");
        assert_eq!((verb("hidden"), verb("nothing")), (None, None));
    }

    #[test]
    fn no_text_is_a_request() {
        assert_eq!(escaped(".SH a-b\\c"), "\\&.SH a\\-b\\ec");
        assert_eq!(escaped("'x"), "\\&'x");
    }
}
