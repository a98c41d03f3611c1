//! Whether files are what they were, asked for many with one command: `PACK SAME` of `ftp-server`.

use super::answer::Answer;
use super::connection::Session;
use ftp_proto::command::{Command, FileToSend, Pack, Verb};
use ftp_proto::manners::files_of_packs;
use ftp_proto::reply::same_files;
use ftp_proto::wire::PathName;

impl Session {
    /// Whether each of these files of a directory is there as it is described: a regular file of this size, and of this time
    /// and identity where they are given. `false` says nothing of a file: it is to be asked for alone.
    pub async fn are_same(&mut self, directory: &PathName, files: &[FileToSend]) -> Vec<bool> {
        let mut all = Vec::with_capacity(files.len());
        if self.manners.capabilities.pack && self.manners.capabilities.takes_ahead {
            let groups = files_of_packs(directory, files);
            let question = |(group, bytes): &(&[FileToSend], usize)| {
                (Pack::Same(directory.clone(), group.to_vec()), *bytes)
            };
            let answers = self.ask_packs(groups.iter().map(question)).await;
            for ((group, _), answer) in groups.iter().zip(answers) {
                let same = if answer.is_done() { same_files(&answer.reply.lines, group.len()) } else { None };
                all.extend(same.unwrap_or_else(|| vec![false; group.len()]));
            }
        }
        all.resize(files.len(), false);
        all
    }

    /// The answers to these commands, each with the bytes of its line at most.
    pub(super) async fn ask_packs(&mut self, packs: impl Iterator<Item = (Pack, usize)>) -> Vec<Answer> {
        self.gather(true);
        let commands = packs.map(|(pack, bytes)| (Command::Pack(Box::new(pack)), bytes));
        let answers = self.ask_each_ahead(Verb::Pack, commands).await;
        self.gather(false);
        answers
    }
}
