//! Names that other programs give to verbs, and options that stand at another place.

use super::Cli;
use crate::failure::Failure;
use crate::place::nearest;
use crate::shell::Elsewhere;
use clap::CommandFactory;
use ftp_io::program::args::Rejected;
use ftp_io::program::completion::{Part, Reader};
use std::ffi::OsString;

/// The failure if `word`, which the command line does not know, is one of them.
pub(super) fn later(word: &str, words: &[OsString]) -> Option<Failure> {
    // `help` takes verbs, and clap finds nothing like one behind it.
    let asks_for_help = verb_of(words).filter(|(_, verb)| verb == "help");
    let words = asks_for_help.as_ref().and_then(|(at, _)| words.get(at + 1..)).unwrap_or(words);
    match verb_of(words).as_ref().map(|(at, verb)| (*at, verb.as_str())) {
        // Behind it a word is no verb.
        Some((at, verb)) if words.iter().take(at).all(|before| before != word) => {
            if word.starts_with('-') {
                return None;
            }
            let hint = hint(verb, word).map(str::to_owned).or_else(|| near_part(verb, word))?;
            Some(Failure::usage(format!("{verb} has no {word}")).hint(hint))
        }
        Some(_) | None => {
            let fails = || Failure::usage(format!("there is no verb {word}"));
            if VERBS_OF_THE_SHELL.contains(&word) {
                return Some(fails().hint(format!("ftp-user shell has {word}")));
            }
            let mut all = VERBS_OF_COMMAND_LINES.iter().chain(VERBS_ELSEWHERE);
            if let Some((_, verb)) = all.find(|(names, _)| has(names, word)) {
                return Some(fails().hint(format!("use {verb}")));
            }
            // clap finds nothing like a word of so few letters.
            let is_unseen = word.len() < 4 || asks_for_help.is_some();
            let command = Cli::command();
            let verbs = command.get_subcommands().map(clap::Command::get_name).filter(|_| is_unseen);
            let meant = nearest(word, verbs)?;
            Some(fails().hint(format!("did you mean {meant}?")))
        }
    }
}

/// Asks whether a part of a verb was meant that a word is like. Words of a few letters are like too many.
fn near_part(verb: &str, word: &str) -> Option<String> {
    let command = Cli::command();
    let parts = command.find_subcommand(verb)?.get_subcommands().map(clap::Command::get_name);
    let meant = nearest(word, parts).filter(|_| word.len() >= 4)?;
    Some(format!("did you mean {verb} {meant}?"))
}

/// The verb of a command line that cannot be carried out, and where it stands. No value of an option is one, also if the option
/// is that of a verb and stands before it.
pub(super) fn verb_of(words: &[OsString]) -> Option<(usize, String)> {
    let mut command = Cli::command();
    command.build();
    let of_a_verb = |name: &str| {
        let takes = |arg: &clap::Arg| is_called(arg, name) && arg.get_action().takes_values();
        command.get_subcommands().any(|verb| verb.get_arguments().any(takes))
    };
    let mut reader = Reader::at(&command);
    let mut is_value = false;
    for (at, word) in words.iter().enumerate() {
        let word = word.to_string_lossy();
        if std::mem::take(&mut is_value) {
            continue;
        }
        match reader.read(&word) {
            Part::Verb(verb) => return Some((at, verb.get_name().to_owned())),
            // A word of another program stands where a verb stands.
            Part::Operand(_) if command.find_subcommand(&*word).is_some() => {
                return Some((at, word.into_owned()));
            }
            Part::Option(None) => is_value = of_a_verb(&word),
            Part::Option(Some(_)) | Part::End | Part::ValueOf(..) | Part::Operand(_) => {}
        }
    }
    None
}

/// The failure if `word` is an option that other programs give to this verb.
pub(super) fn elsewhere(word: &str, words: &[OsString]) -> Option<Failure> {
    let name = word.split('=').next().unwrap_or(word);
    let (_, verb) = verb_of(words)?;
    let unknown = beside(name, &verb, words);
    let mut hints: Vec<&str> = unknown.iter().filter_map(|name| hint(&verb, name)).collect();
    hints.dedup();
    let fails = || Failure::usage(format!("{verb} has no option {}", unknown.join(" and no ")));
    (!hints.is_empty()).then(|| fails().hint(hints.join("; ")))
}

/// The unknown option and those that stand in one word with it: `-a` and `-z` of `-avz`. A word that has a hint is one option,
/// such as `-vb` of globus-url-copy.
fn beside(name: &str, verb: &str, words: &[OsString]) -> Vec<String> {
    let command = Cli::command();
    let of_verb = || command.find_subcommand(verb).into_iter().flat_map(clap::Command::get_arguments);
    let is_known = |option: &str| {
        option == "-h" || command.get_arguments().chain(of_verb()).any(|arg| is_called(arg, option))
    };
    // Digits are the value of the letter before them.
    let letters = |word: &str| -> Vec<String> {
        let letters = word.strip_prefix('-').unwrap_or_default().chars();
        letters.take_while(char::is_ascii_alphabetic).map(|letter| format!("-{letter}")).collect()
    };
    let mut texts = words.iter().filter_map(|word| word.to_str());
    let Some(word) = texts.find(|word| letters(word).iter().any(|option| option == name)) else {
        return vec![name.to_owned()];
    };
    if hint(verb, word).is_some() {
        return vec![word.to_owned()];
    }
    let mut unknown = letters(word);
    unknown.retain(|option| option == name || !is_known(option));
    unknown.dedup();
    unknown
}

/// What to use here instead of an option or a part of another program.
fn hint(verb: &str, name: &str) -> Option<&'static str> {
    let of = |verbs: &str| verbs == EACH || has(verbs, verb);
    let found = ELSEWHERE.iter().find(|(verbs, names, _)| of(verbs) && has(names, name));
    found.map(|(_, _, hint)| *hint)
}

/// Whether `name` is one of `names`, which are separated by blanks.
fn has(names: &str, name: &str) -> bool {
    names.split(' ').any(|known| known == name)
}

/// What to do in place of a value that an option does not take: rsync and rclone have one of this name without a value.
pub(super) fn hint_of_bad_value(rejected: &Rejected) -> Option<&'static str> {
    if rejected.has_bad_value_of("--progress") {
        Some("leave it out: a terminal shows a bar")
    } else if rejected.has_bad_value_of("--color") {
        Some("leave it out: a terminal has colours")
    } else {
        None
    }
}

/// The failure if `word` is an option of a verb that copies, and stands before its verb, or behind another one.
pub(super) fn misplaced(word: &str, words: &[OsString]) -> Option<Failure> {
    let name = word.split('=').next().unwrap_or(word);
    // Anything else may be a place with its password.
    if !name.starts_with('-') {
        return None;
    }
    let command = Cli::command();
    let has = |verb: &&str| {
        command.find_subcommand(verb).is_some_and(|verb| verb.get_arguments().any(|arg| is_called(arg, name)))
    };
    let owners: Vec<&str> = COPYING.into_iter().filter(has).collect();
    if owners.is_empty() {
        return None;
    }
    let (_, verb) = verb_of(words)?;
    match verb.as_str() {
        "resume" | "retry" | "cancel" => Some(
            Failure::usage(format!("{name} is not an option of {verb}"))
                .hint("a job goes on with its own options, as they were typed"),
        ),
        verb if owners.contains(&verb) => Some(
            Failure::usage(format!("{name} stands before its verb"))
                .hint(format!("write it behind: ftp-user {verb} {name} ...")),
        ),
        verb if COPYING.contains(&verb) => Some(
            Failure::usage(format!("{verb} has no option {name}"))
                .hint(format!("it is an option of {}", owners.join(", "))),
        ),
        _ => None,
    }
}

/// The failure if `word` is the beginning of an option of its verb, or one with few mistakes.
pub(super) fn mistyped(word: &str, words: &[OsString]) -> Option<Failure> {
    let typed = word.split('=').next().unwrap_or(word).strip_prefix("--")?;
    let (at, verb) = verb_of(words)?;
    let mut command = Cli::command();
    command.build();
    let verb = command.find_subcommand(&verb)?;
    // A part of a verb has options of its own, as `sites add` has.
    let part = words.iter().skip(at + 1).find_map(|word| verb.find_subcommand(word.to_str()?));
    let arguments = part.unwrap_or(verb).get_arguments().filter(|option| !option.is_hide_set());
    let options: Vec<&str> = arguments.filter_map(clap::Arg::get_long).collect();
    let begun = options.iter().filter(|option| option.starts_with(typed)).min_by_key(|option| option.len());
    let meant = begun.copied().or_else(|| nearest(typed, options.iter().copied()))?;
    let what = format!("{} has no option --{typed}", verb.get_name());
    Some(Failure::usage(what).hint(format!("did you mean --{meant}?")))
}

/// Whether a person calls an option so.
fn is_called(arg: &clap::Arg, name: &str) -> bool {
    if arg.is_hide_set() {
        return false;
    }
    match name.strip_prefix("--") {
        Some(long) => arg.get_long() == Some(long),
        None => name.chars().nth(1).is_some_and(|short| {
            arg.get_short() == Some(short)
                || arg.get_all_short_aliases().is_some_and(|all| all.contains(&short))
        }),
    }
}

/// The verbs that copy.
const COPYING: [&str; 4] = ["copy", "append", "move", "sync"];

/// Stands for every verb.
const EACH: &str = "";
/// The verbs that copy files and trees.
const COPIES: &str = "copy move sync";

/// Options and parts of verbs of other programs: the verbs to which they are given, their names, and what to do here. The first
/// line that is right for a verb counts.
const ELSEWHERE: &[(&str, &str, &str)] = &[
    (
        "series",
        "stop end cancel kill disable",
        "series pause S lets no run of S begin until series resume S; series remove S removes it",
    ),
    ("series", "start enable continue", "use series resume"),
    ("sites", "rm del delete unlink", "use sites remove"),
    ("series", "rm del delete unlink", "use series remove"),
    ("series", "ls dir", "use series list"),
    ("sites", "ls dir", "use sites list"),
    ("sites", "mv rename ren", "add it under its new name with sites add, then sites remove the old one"),
    ("rm", "-f --force", "--yes (-y) answers the question of rm -r; what is not there is always a failure"),
    ("rm", "-i --interactive -I", "rm -r asks unless --yes is given; -n shows what would be deleted"),
    ("mv", "-f --force", "mv replaces nothing: rename what has the name first"),
    ("sync", "-r -R --recursive", "sync takes everything below SOURCE: leave it out"),
    ("sync", "--checksum -c", "--compare hash compares digests"),
    ("sync", "--size-only", "--compare size compares sizes only"),
    ("sync", "--mirror", "sync does it: leave it out; --delete deletes what only DEST has"),
    ("sync", "--remove-source-files", "sync leaves SOURCE as it is; move deletes what it has copied"),
    (
        "sync",
        "--update -u --only-newer --overwrite",
        "--compare says which files are the same; what differs is replaced, also by an older file",
    ),
    ("sync", "--ignore-existing", "--compare exists leaves alone what is there"),
    (
        "sync",
        "--detach",
        "sync needs this program until it ends: start it with nohup, or from cron; after an interruption the same command goes on",
    ),
    (
        "sync",
        "--from-file",
        "sync takes one SOURCE and one DEST: run it for each of them; copy --from-file takes a list",
    ),
    (
        "copy move",
        "--delete --max-delete",
        "sync SOURCE DEST --delete makes DEST like SOURCE; move deletes what it has copied from SOURCE",
    ),
    (
        "copy move",
        "--compare",
        "--overwrite says what happens to what is there; sync --compare copies only what differs",
    ),
    (
        "copy move",
        "--backup-dir",
        "use --overwrite never: files that are there stay; sync --backup-dir keeps what it replaces",
    ),
    (
        "copy move",
        "--checksum -c",
        "--overwrite different, the default, compares digests; what is stored of a file goes on",
    ),
    (COPIES, "-cd -create-dest -pp -nodcau --create-empty-src-dirs", "leave it out: it is always so"),
    (COPIES, "-vb", "leave it out: a terminal shows a bar; --json is for programs"),
    (COPIES, "-cc --transfers --parallel --stream", "-j N copies N files at the same time"),
    (COPIES, "-dcpriv", "write ftpes:// in the place of ftp://: files are inside TLS if the logins are"),
    (COPIES, "-rst -rst-retries", "leave it out: it is always so; --retries N says how often"),
    (COPIES, "-sync -sync-level", "--overwrite different, the default of copy, compares digests"),
    (EACH, "-ipv6", "-6 reaches servers by IPv6 only"),
    (COPIES, "--bwlimit --limit-rate", "--limit RATE limits the speed"),
    (EACH, "--use-json-log", "--json prints a line of JSON for each event"),
    ("sync", "--delete-after --delete-before --delete-during", "--delete deletes after the copies"),
    (COPIES, "--inplace", "leave it out: a file is stored under another name until it is whole"),
    (COPIES, "-df -dumpfile -do", "leave it out: resume goes on with what is left"),
    ("copy move", "--update -u --only-newer", "--overwrite newer replaces only older files"),
    ("copy move", "--ignore-existing", "sync --compare exists copies only what DEST lacks"),
    ("copy move", "--size-only", "sync --compare size copies only files of another size"),
    ("move", "--remove-source-files", "move does it: leave it out"),
    (COPIES, "-a --archive --preserve", "times are kept; --perms keeps the modes"),
    (COPIES, "-p", "times are kept; --perms keeps the modes; one file is one stream"),
    (COPIES, "-l", "--limit RATE limits the speed; --links says what happens to symbolic links"),
    (
        COPIES,
        "-L --copy-links",
        "links to files are copied as files; --links follow enters those to directories",
    ),
    (
        COPIES,
        "--exclude-from --include-from --filter",
        "--filter-from FILE reads lines of - GLOB to leave files out, and of + GLOB to take them",
    ),
    (COPIES, "-x -X --exclude-glob", "lftp's is --exclude GLOB here; rsync's is not needed"),
    (COPIES, "-I --include-glob", "lftp's is --include GLOB here; rsync's is copy --overwrite always"),
    (COPIES, "--min-age --max-age --min-size --max-size", "there is none: filters choose by name"),
    ("copy move", "--no-clobber", "use --overwrite never: files that are there stay"),
    ("sync", "-e", "lftp's -e is --delete here; rsync's -e is not needed: servers are reached by FTP"),
    (COPIES, "--existing --update-existing", "there is none: what DEST lacks is copied"),
    (
        COPIES,
        "--max-depth --depth --no-recursion",
        "--exclude 'DIR/**' leaves out what is in a directory; copy without -r takes no directory",
    ),
    (COPIES, "-b --backup --suffix", "sync --backup-dir DIR keeps what it replaces or deletes"),
    (COPIES, "-W --whole-file -S --sparse -B", "leave it out: it changes nothing here"),
    (COPIES, "-H --hard-links", "there is none: each name is copied as a file of its own"),
    (COPIES, "--safe-links --copy-unsafe-links", "--links says what happens to symbolic links"),
    (COPIES, "-o -g -D --numeric-ids", "leave it out: owners, groups and devices are not copied"),
    (COPIES, "--ignore-errors --no-check-dest", "there is none: what fails is told, and the rest goes on"),
    (COPIES, "--ignore-times", "copy --overwrite always copies each file again"),
    (COPIES, "--itemize-changes --list-only", "-n shows what would be done"),
    (COPIES, "--buffer-size", "leave it out: it is chosen for each path"),
    (
        COPIES,
        "-t --append --immutable --metadata",
        "leave it out: times are kept, and what is stored of a file goes on",
    ),
    (
        COPIES,
        "-m --prune-empty-dirs -A --acls --xattrs --chmod",
        "there is none: directories are all made; --perms keeps the modes",
    ),
    (COPIES, "--tpslimit", "there is none: --limit RATE limits the bytes"),
    (COPIES, "-O --omit-dir-times", "--no-times leaves all times as servers set them"),
    ("copy move", "--parents --relative", "name the directory and filter: -r --include GLOB"),
    (EACH, "--contimeout --connect-timeout", "--timeout T is for connections and for each reply"),
    (
        "ls",
        "-t -S -r -1 -d -A -F -s --sort --full-time",
        "names are sorted, one on each line; -l shows sizes and times",
    ),
    ("tree", "--max-depth --depth -d", "there is none: name a directory that is deeper"),
    ("tree", "-a -f -s -D -J -I -P --du --dirsfirst", "everything is shown; --json has sizes and times"),
    ("sync", "--delete-excluded", "there is none: what filters leave out stays at DEST"),
    ("sync", "--track-renames", "there is none: with --delete, what digests show as renamed is renamed"),
    (COPIES, "--no-perms --no-owner --no-group", "leave it out: only --perms keeps the modes"),
    (COPIES, "--reverse --fast-list --compare-dest", "there is none"),
    (COPIES, "--loop", "leave it out: the same command again goes on"),
    (COPIES, "--use-pget-n --multi-thread-streams", "--streams N moves a large file over N data connections"),
    (COPIES, "--files-from", "copy --from-file FILE reads lines of SOURCE, a tab, DEST"),
    (COPIES, "-e --rsh", "leave it out: servers are reached by FTP"),
    (COPIES, "-C", "nothing is compressed; --exclude leaves files out"),
    (COPIES, "-z --compress", "there is none: nothing is compressed on its way"),
    (
        COPIES,
        "--checkers",
        "there is none: many names are asked for at once; -j N copies N files at the same time",
    ),
    (
        COPIES,
        "-P",
        "-j N copies N files at the same time; a port stands in the URL (ftp://HOST:PORT/); what is stored of a file goes on",
    ),
    (
        "sync copy move append",
        "--partial --continue",
        "leave it out: what is stored of a file stays, and goes on",
    ),
    (
        "hash",
        "-c --check",
        "sha256sum -c checks its lines for files of this host; sync -n --compare hash compares trees",
    ),
    ("shell", "-c --command -e", "shell -f FILE carries out the lines of a file, or of standard input (-)"),
    ("ls", "-u -c", "names are sorted; -l shows when each was changed"),
    ("ls", "-C", "there is none: each name stands on its own line"),
    ("tree", "-L", "there is none: all levels are shown; name a directory that is deeper"),
    ("ls stat", "-L", "there is none: a link is shown as its server shows it"),
    (EACH, "--stats", "there is none: the last line sums up; --json tells it in numbers"),
    (EACH, "--log-file", "--trace FILE writes the dialogue with the servers; 2>FILE writes the messages"),
    (EACH, "--token-file", "--relay-token-file FILE has the token of a relay"),
    (EACH, "-P --port", "write the port into the URL: ftp://HOST:PORT/"),
    (EACH, "--user", "write the user into the URL: ftp://USER@HOST/"),
    (EACH, "--checksum", "hash prints digests; sync --compare hash compares them"),
    (EACH, "--update --ignore-existing --size-only", "copy has --overwrite, and sync has --compare"),
    (
        EACH,
        "--transfers --parallel --checkers",
        "there is none: -j of copy, move and sync is for files that are copied",
    ),
    (EACH, "--partial", "copy, move and sync go on with what is stored of a file"),
    (EACH, "--remove-source-files", "move deletes what it has copied and verified"),
    (EACH, "--mirror", "sync SOURCE DEST --delete makes DEST like SOURCE"),
    (EACH, "-u -c -z -L -C -l", "there is none"),
    ("copy", "-f", "--overwrite always replaces what is there; --from-file FILE takes a list of places"),
    ("copy append move", "-f --force", "--overwrite always replaces what is there"),
    ("copy append move sync mv", "-i --interactive", "there is none: -n shows what would be done"),
    ("ls", "-h --human-readable", "-l shows sizes in bytes"),
    (EACH, "--human-readable", "leave it out: sizes are told so where people read them"),
    ("ls", "-R --recursive", "use tree"),
    ("stat", "-R --recursive -r", "use tree"),
    ("hash", "-r -R --recursive", "hash takes files, and patterns such as 'ftp://HOST/DIR/*'"),
    ("mkdir", "-m --mode", "the server chooses the mode of a new directory"),
];

/// Verbs that the shell alone has.
const VERBS_OF_THE_SHELL: &[&str] =
    &["cd", "composite", "fg", "history", "lcd", "lpwd", "pwd", "quit", "status", "wait", "where"];

/// Verbs of other programs that are typed on a command line, and what they are called here.
const VERBS_OF_COMMAND_LINES: Elsewhere = &[
    ("config", "sites add, or sites import for what other programs know"),
    ("open connect", "shell, and cd SITE: or cd URL in it"),
    ("kill stop", "cancel"),
    ("version", "--version"),
    ("size", "stat"),
    ("du ncdu", "tree --json, whose entries have their sizes"),
    ("lsf", "ls"),
    ("lsl", "ls -l"),
    ("lsjson", "ls --json"),
    ("rmdirs", "rm -r only where the files may go, too: no verb deletes only empty directories"),
    ("head tail", "cat"),
    ("ping", "sites test NAME, or probe for a pair"),
    ("test", "sites test NAME"),
    ("sha1sum", "hash --alg sha1"),
    ("compare", "sync -n --compare hash to compare two trees"),
    ("chmod", "copy --perms, which keeps modes: no verb sets them"),
    ("cleanup", "cancel: it removes what a job that was interrupted has left"),
    ("obscure", "sites add --keyring, or a password in ~/.netrc (mode 0600)"),
    ("mount", "copy, sync or shell: nothing is mounted"),
    ("pget copyto", "copy"),
    ("queue", "jobs"),
    ("deletefile", "rm"),
    ("hashsum", "hash, and hash --alg NAME for another algorithm"),
    ("import", "sites import"),
    ("moveto", "move"),
    ("purge", "rm -r"),
    ("touch", "copy --overwrite never - PLACE </dev/null for an empty file"),
    ("rcat", "copy - PLACE"),
    ("lsd", "ls -l, which shows what is a directory"),
    ("cryptcheck", "sync -n --compare hash to compare two trees: nothing is encrypted at a server"),
    ("bisync", "copy -r --overwrite newer A/ B/, and then B/ A/: the newer file of each name goes to both"),
    ("listremotes", "sites list"),
    ("serve", "ftp-server, a program of its own"),
    ("about", "sites test, which tells what a server can do: servers do not tell how much room there is"),
];

/// Verbs of other programs, and what they are called here: for the command line and for the shell.
pub(super) const VERBS_ELSEWHERE: Elsewhere = &[
    ("explain", "copy --explain"),
    ("cp scp get put mget mput upload download", "copy"),
    ("dir list nlist cls", "ls"),
    ("check", "sync -n --compare hash to compare two trees, or probe to ask what servers can do"),
    ("mirror rsync", "sync"),
    ("mov", "mv, or move between servers"),
    ("ren rename", "mv"),
    ("unlink mrm del delete", "rm"),
    ("more less type", "cat"),
    ("find", "tree"),
    ("reget reput", "copy: it goes on with what is stored"),
    ("bookmark site", "sites"),
    ("rmdir", "rm -r, which also deletes what is in a directory"),
    ("diff", "sync -n --compare hash to compare two trees"),
    ("md", "mkdir"),
    ("sha256sum", "hash"),
    ("md5sum", "hash --alg md5"),
];

#[cfg(test)]
mod tests;
