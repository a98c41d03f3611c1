//! What a third user agent is told. Nothing of it changes the trees.
//!
//! ```text
//! ls {one}; stat {file}                   two command lines, one after the other
//! shell -f {own}script| cd {one}| ls      a command line, and the lines of the file that it names
//! ```
//!
//! `{one}` and `{two}` are the trees, `{file}` is a file of the source, and `{name}` is its name there. `{side}` is a directory of the
//! destination that nobody else changes, `{again}` is the same under the address of its server, and `{here}` is one of its own host;
//! whatever has a final name there must be a whole file. `{side}link` leads to the tree of the destination, if it is spoken of.
//! `{own}` is another one of its host, with the file `script`. `{id}` is the id that it was told last.

use super::{Plan, Verb};
use crate::sim::random::Random;
use crate::world::manners::Manners;
use std::borrow::Cow;

/// What a third user agent is told.
pub(super) fn third(plan: &Plan, random: &mut Random) -> Vec<Cow<'static, str>> {
    let names: Vec<&String> = plan.source.keys().collect();
    let mut told: Vec<Cow<'static, str>> = Vec::new();
    for _ in 0..1 + random.below(5) {
        let is_of_ours = plan.manners == [Manners::Ours; 2] && random.once_in(2);
        let table: &[&str] = if is_of_ours { &OF_OURS } else { &OF_ALL };
        told.extend(chosen(table, &names, random));
    }
    // Another stream, so that the rest is as it was without these.
    let random = &mut Random::new(plan.seed ^ 0x0007_17ed);
    for _ in 0..2 + random.below(5) {
        let table: &[&str] = if random.once_in(3) { &SCRIPTS } else { &RARE };
        told.extend(chosen(table, &names, random));
    }
    if plan.verb == Verb::Append {
        // What it copies of the destination may have been half appended.
        told.retain(|words| !words.contains("{two} {side}"));
    }
    if told.iter().any(|words| words.contains("link")) {
        // What goes into a directory of that name would go where the link leads.
        told.retain(|words| !words.starts_with("mv {side}*"));
    }
    told
}

/// Command lines of a table, for one of these files.
fn chosen(table: &[&str], names: &[&String], random: &mut Random) -> Vec<Cow<'static, str>> {
    let name = names[random.length(names.len() - 1)];
    let chosen = table[random.length(table.len() - 1)];
    let chosen = chosen.replace("{file}", &format!("{{one}}{name}")).replace("{name}", name);
    chosen.split("; ").map(|words| Cow::Owned(words.to_owned())).collect()
}

/// What it may be told, whatever the servers know.
const OF_ALL: [&str; 42] = [
    "ls {one}",
    "ls -l {two}",
    "ls {one}*",
    "tree {one}",
    "tree {two}",
    "stat {one} {two}",
    "stat {file}",
    "cat {file}",
    "hash {file}",
    "hash --alg=md5 {one}*",
    "copy {file} {here}x; hash --alg=crc32 {here}x; cat {here}x",
    "copy {file} -",
    "copy {file} /dev/null",
    "copy - {side}input",
    "copy - {side}a/b/input",
    "copy --overwrite=never - {side}input",
    "copy {file} {side}; resume; retry last; cancel last",
    "copy -r {two} {side}; resume",
    "copy -r -n {one} {side}",
    "copy - {side}input; copy {side}input {side}copy",
    "copy - {side}input; move {side}input {side}a/moved; resume",
    "sync {one} {side}all; sync --delete --yes {one} {side}all; resume",
    "sync --backup-dir={side}old {one} {side}all; sync --backup-dir={side}old --delete --yes {two} {side}all",
    "sync -n --delete {one} {two}",
    "probe {one} {two}",
    "mkdir {side}c",
    "mkdir -p {side}a/b",
    "copy - {side}input; mkdir {side}c; mv {side}input {side}c",
    "mv {side}* {side}a",
    "rm {side}input",
    "rm -r --yes {side}a",
    "rm {side}*",
    "copy {file} {here}x; mv {here}x {here}y; ls -l {here}; stat {here}y; rm {here}y",
    "copy {file} {here}x; move {here}x {side}; resume",
    "copy -r {one} {here}all; sync --delete --yes {here}all {side}all; tree {here}; resume",
    "copy -r {one} {here}all; sync --delete --yes {one} {here}all; rm -r --yes {here}all",
    "copy -r {one} {side}all; move -r {side}all {side}b; resume; retry last",
    "copy -r {one} {side}all; move -r {side}all {here}; resume; retry last",
    "copy {file} {side}; cancel --forget last; jobs --all",
    "resume",
    "jobs",
    "why",
];

/// The same if both servers are ours.
const OF_OURS: [&str; 4] = [
    "copy --detach {file} {side}; resume",
    "copy --detach --path=relay {file} {side}detached; jobs; resume",
    "copy --detach {file} {side}detached; why last; cancel last",
    "copy --detach --overwrite=always {file} {side}detached; resume; resume",
];

/// What is typed rarely.
const RARE: [&str; 79] = [
    "ls --json -l {one} {two}",
    "ls {one}none {two}*none* {here}",
    "ls ftp://ann@nowhere/ {one}",
    "ls --retries=0 ftp://ann@relay/",
    "ls ftp://eve@one/tree/",
    "ls --no-tls {one}",
    "ls -6 {one}; ls -4 {one}",
    "ls --retries=1 --proxy=socks5://relay:1080 {one}",
    "tree --json {one} {here}",
    "tree {file} {one}none",
    "stat --json {file} {two} {here}",
    "stat {one}none {one}*",
    "cat --limit=50KB {file}",
    "cat {file} {one}none",
    "cat {one}",
    "hash --alg=sha-1 {file}",
    "hash --alg=sha-512 {one}* {two}*",
    "hash --json {file} {one}none",
    "mkdir -n {side}c; mkdir {side}c {here}c; mkdir {side}c; rm -r {side}c; rm -r -n {side}c; rm -r --yes {here}c",
    "mkdir {side}a/b/c; mkdir -p {here}d/e; tree {here}; rm -r --yes {here}d",
    "rm {side}none {side}none*; rm -n {side}*",
    "mv {side}none {side}z; copy - {side}input; mv -n {side}input {side}z; mv {side}input {here}y; mv {side}input {side}z",
    "mv {side}* {side}none/",
    "copy --explain {file} {side}",
    "copy --explain -r {one} {here}",
    "copy --explain --json {one}* {side}",
    "copy --json --verify=none {file} {side}json",
    "copy --verify=size {file} {side}; copy --verify=hash {file} {side}; copy --overwrite=newer {file} {side}",
    "copy --in-place=never --no-times {file} {side}",
    "copy --quiet --trace={own}trace {file} {side}; copy --verbose --trace={own}trace {file} {here}",
    "copy --path=direct {file} {side}p; copy --path=symmetric {file} {side}p; copy --path=user --overwrite=always {file} {side}p",
    "copy --timeout=1 --stall=2 --retries=0 {file} {side}t; retry last; cancel last",
    "copy --id=mine {file} {side}mine; copy --id=mine {file} {side}mine; why mine; cancel mine",
    "copy --from-file={own}script| {file}\t{side}listed| {one}none\t{side}none| # a comment| {file}\t{here}listed",
    "copy --from-file={own}script| {file} {side}listed",
    "copy -r --filter-from={own}script {one} {side}f| # patterns| - *1| + [0-9]*| - *",
    "copy -r --exclude=a/ --links=skip --streams=2 {one} {side}some; copy -r --streams=auto {one} {side}some",
    "copy {one}* {side}star; copy {one} {side}; copy {file} {file} {side}; copy {one}none {side}",
    "copy {here}none {side}; copy {file} {here}none/x",
    "move --explain {one} {here}; move -n -r {one} {here}",
    "copy -r {one} {here}all; move --from-file={own}script| {here}all/\t{side}moved",
    "sync --explain {one} {side}all; sync -n --json --delete {one} {two}",
    "sync {one} {side}all; sync --delete --yes --max-delete=0 {here} {side}all; sync --delete {here} {side}all",
    "sync --compare=hash {one} {here}all; sync --compare=size {one} {here}all; sync --fail-fast --delete {one}none {here}all",
    "sync --id=same {one} {side}all; sync --id=same {one} {side}all; retry same; retry last --yes",
    "sync --exclude=a/ --delete --yes {one} {side}all; sync --backup-dir={side}all/old {one} {side}all",
    "sync {two} {two}; copy -r {one} {one}; move -r {two} {two}",
    "append -n {file} {side}input; append --explain {file} {side}none; append - {side}input",
    "probe --json {one} {two}",
    "probe --path=relay {one} {two}",
    "probe {one} {here}; probe {one} {one}",
    "retry none; resume none; why none; cancel none; pause none",
    "copy {file} {side}; why --json last; why last --verbose; jobs --json; jobs --all",
    "copy --queue {file} {side}q; jobs; why {id}; pause {id}; resume {id}; cancel {id}; jobs --all --json",
    "copy --queue --at=+1h --priority=3 {file} {side}q; jobs; retry {id}; cancel {id}; retry {id}",
    "copy --queue --every=15m {file} {side}q; series; series show {id}; series pause {id}; series resume {id}; series --json; series remove {id}",
    "sync --queue --every=daily@02:30 {one} {side}q; series list; cancel {id}; series remove {id}; series remove {id}; series show",
    "sites add lab {side}; sites test lab; copy {file} lab:named; ls lab:; sites forget lab:; sites remove lab",
    "sites add lab {one}; sites edit lab --jobs=2 --sessions=3 --rate=1MB; sites show lab --json; sites edit lab --unset jobs; ls lab:; sites edit lab",
    "sites; sites list; sites list --json; sites show none; sites remove none; sites add no/name {one}; sites add lab",
    "sites test {one} {two}; sites test --json {side}; sites forget {one} {two}; ls {one}",
    "sites test --retries=0 ftp://ann@relay/ ftp://ann@nowhere/ ftp://eve@one/ {here}",
    "sites import netrc; sites list; sites import -n netrc; ls one:tree; sites remove one two",
    "sites import lftp {own}script; sites import rclone {own}script; sites import filezilla {own}script| lab {one}",
    "ls --retries=0 --timeout=5 ftp://ann@relay:2190/",
    "copy - {side}input; copy {again}input {side}input; move {again}input {side}input; mv {again}input {side}other",
    "copy -r {one} {side}all; sync --delete --yes {again}all {side}; sync --delete --yes {again} {side}all; sync --delete --yes {again} {side}; tree {side}",
    "copy -r {one} {side}all; move -r {again}all {side}all; copy -r {again} {side}all; stat {side}all",
    "ls -l {side}; tree {side}; stat {side}link; ls {side}link/; rm -r --yes {side}link; copy -r {one} {side}all",
    "copy -r {one} {side}beside-link; sync --delete --yes {one} {side}; tree {side}",
    "copy -r {one} {here}beside-link; sync --delete --yes {here} {side}; rm -r --yes {side}beside-link {side}link",
    "copy -r {one} {side}beside-link; copy -r {side} {here}all; copy -r --links=skip {side} {here}all; rm -r --yes {side}*",
    "copy -r {one} {side}beside-link; move -r {side} {here}all",
    "copy --retries=1 - {side}input; copy --resume - {side}input; copy --path=relay - {side}input; copy --limit=900 - {side}input",
    "copy -n - {side}input; copy --explain {file} -; copy {one}none -; copy {one} -; copy - {side}; append {file} -; sync - {side}all",
    "copy -r {one} {side}all; copy -r --overwrite=newer {two} {side}all; copy -r --overwrite=always {one} {side}all; copy -r --overwrite=never {one} {side}all",
    "copy -r {one} {here}all; copy -r --overwrite=newer {one} {here}all; copy -r --overwrite=newer {here}all {side}all; sync --compare=time {here}all {side}all",
    "doctor; doctor --json --line=1000000,20ms",
    "daemon token --scope=read --name=reader; daemon token --list; daemon token --revoke=reader; daemon token --revoke=reader",
];

/// Lines of the shell.
const SCRIPTS: [&str; 20] = [
    "shell -f {own}script| cd {one}| pwd| ls| ls -l| tree .| stat {name}| cat {name}| hash {name}| where {name}| status| history| quit",
    "shell -f {own}script --json| cd {one}| pwd| where {name} none {here}| status| help| help copy| help where| help options| jobs",
    "shell -f {own}script --keep-going| CD {one}| DIRECTORY| cd ..| pwd| cd -| (FILE) list *| TYPE (FILE) none| where none| cd none| ls",
    "shell -f {own}script --keep-going| cd {side}| mkdir p| cd p| rm -r --yes .| rm -r --yes ../p| rm -r --yes ../*| mv ../p ../q| move -r . {here}| cd ..| rm -r --yes p| ls",
    "copy - {side}input; shell -f {own}script| cd {side}| copy input copied| mv copied renamed| hash renamed| rm renamed| copy {file} {here}| ls {here}",
    "shell -f {own}script| cd {side}| sync {one} all| ls all| copy -r all b| move -r b c| tree c| sync --delete --yes {one} all| rm -r --yes c",
    "shell -f {own}script| composite add data {one} {side}| composite| composite list data| composite list| cd data:| ls| ls -l| tree| where {name}| cat {name}| stat {name}| cd a| pwd| composite remove data {side}| composite remove data",
    "copy - {side}input; mkdir -p {side}a/b; shell -f {own}script --keep-going| composite add data {side} {here}| cd data:| ls| mv input a/b/moved| copy {file} a/b/copied| mkdir a/c| ls a| cat a/b/moved| rm a/b/copied| mkdir x| copy {file} x| ls *| where none a",
    "shell -f {own}script| composite add only {side}| cd only:| mkdir fresh| copy {file} fresh/x| copy {file} fresh/| ls fresh| mv fresh/x fresh/y| rm -r --yes fresh| composite add only {here}| where fresh",
    "copy {file} {side}twice; copy {file} {here}twice; shell -f {own}script --keep-going| composite add data {side} {here}| where data:twice| ls data:twice| cat data:twice| rm data:twice| cat [data]twice",
    "shell -f {own}script --keep-going --retries=0| composite add data {side} ftp://ann@relay/x| ls data:| where data:none| cat data:none| mkdir data:x| copy {file} data:x| where data:a/b| ls data:",
    "sites add lab {one}; shell -f {own}script --keep-going| cd lab:| ls| cat [lab]{name}| cd {side}| copy {file} lab| mkdir lab/x| ls lab:none| sites| sites show lab| sites edit lab --jobs=1| cd /| ls| sites remove lab| ls lab:",
    "shell -f {own}script --keep-going| copy {file} {side}sh| jobs| jobs --all| why last| cancel last| retry last| resume| wait| fg| wait 3| fg %1",
    "shell -f {own}script --keep-going| copy --queue {file} {side}q| jobs --json| series| cancel last| doctor| probe {one} {two}",
    "shell -f {own}script| ls (old) {one}",
    "shell -f {own}script| ls {one} > x",
    "shell -f {own}script --keep-going| get {one}| ls",
    "shell -f {own}script --keep-going| ls --long {one}| cat| quit now| help nothing| m {one}",
    "shell -f {own}script --keep-going| cd {file}| ls",
    "shell -f {own}none; shell -f {own}script| # nothing but a comment| |    | exit| ls {one}none",
];
