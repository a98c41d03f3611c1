//! The operands of a line: each place becomes one that the command line reads.

use super::super::{JobVerb, Verb};
use super::lookup::{Lookup, Places};
use crate::action::Grouping;
use crate::context::Cancel;
use crate::failure::Failure;
use crate::shell::{Directory, Meaning, Operand, PlaceUse, Purpose};
use clap::Command;
use ftp_io::program::completion::{ValueKind, values};
use ftp_io::program::output;

/// The arguments of a verb of the command line.
#[derive(Debug)]
pub(super) struct Arguments {
    /// Each place as the command line reads it.
    pub(super) words: Vec<String>,
    /// How it is shown where one name stands for several directories.
    pub(super) grouping: Grouping,
}

/// What an operand means.
#[derive(Debug)]
struct OperandPlaces {
    /// The places as the command line reads them.
    places: Vec<String>,
    /// In which component they are.
    component: Option<Component>,
}

/// A component of a composite directory.
#[derive(Debug)]
struct Component {
    composite: String,
    number: usize,
}

impl Lookup {
    /// The arguments with each place as the command line reads it. `read` is the line as it was typed.
    ///
    /// # Errors
    ///
    /// A name in a composite directory is in no component, or in several.
    pub(super) async fn resolved(
        &self,
        verb: &Command,
        read: &Verb,
        arguments: Vec<String>,
        cancel: &Cancel,
    ) -> Result<Arguments, Failure> {
        let values = values(verb, &arguments);
        let (mut words, mut grouping) = (Vec::new(), Grouping::Each);
        let mut touched = Vec::new();
        let mut last = None;
        for (argument, value) in arguments.into_iter().zip(values) {
            let place = value.and_then(|value| Some((value.at, place_use(read, value.kind())?)));
            let Some((at, place_use)) = place else {
                words.push(argument);
                continue;
            };
            let (before, typed) = argument.split_at(at);
            if place_use == PlaceUse::There(Purpose::Change) {
                self.check_removal(typed, cancel).await?;
            }
            let found = self.operand(typed, place_use, last.as_ref(), cancel).await?;
            last = found.component;
            if found.places.len() > 1 {
                grouping = Grouping::AsOne;
            }
            if place_use.changes() {
                touched.extend(found.places.iter().cloned());
            }
            words.extend(found.places.into_iter().map(|place| format!("{before}{place}")));
        }
        self.known.forget_listings(&touched);
        Ok(Arguments { words, grouping })
    }

    /// The places that a word means. `last` is where the place before it on the line is.
    ///
    /// # Errors
    ///
    /// A name in a composite directory is in no component, or in several.
    async fn operand(
        &self,
        text: &str,
        place_use: PlaceUse,
        last: Option<&Component>,
        cancel: &Cancel,
    ) -> Result<OperandPlaces, Failure> {
        let operand = self.known.lock().scope.operand(text)?;
        let is_made = matches!(place_use, PlaceUse::Destination | PlaceUse::NewName);
        let one = |place| Ok(OperandPlaces { places: vec![place], component: None });
        let (partial, is_contents) = match operand {
            Operand::AsTyped => return one(text.to_owned()),
            Operand::Place(Meaning::At(directory), is_contents) => {
                if is_made {
                    self.warn_of_site(text, cancel).await;
                }
                return one(directory.place(is_contents));
            }
            Operand::Place(Meaning::In(partial), is_contents) => (partial, is_contents),
        };
        let PlaceUse::There(purpose) = place_use else {
            let is_beside =
                |last: &&Component| place_use == PlaceUse::NewName && last.composite == partial.composite;
            let beside = last.filter(is_beside).map(|last| last.number);
            return one(self.destination(&partial, beside, cancel).await?.place(is_contents));
        };
        let Places { all, component, unseen } = self.find(&partial, purpose, cancel).await?;
        if !unseen.is_empty() {
            let unseen: Vec<String> = unseen.iter().map(Directory::to_string).collect();
            output::complain("ftp-user", format_args!("warning: not looked at: {}", unseen.join(", ")));
        }
        let component = component.map(|number| Component { composite: partial.composite, number });
        let places = all.iter().map(|place| place.place(is_contents)).collect();
        Ok(OperandPlaces { places, component })
    }
}

/// What a verb does with a value; `None` if that is no place that depends on where the shell is.
fn place_use(verb: &Verb, kind: ValueKind) -> Option<PlaceUse> {
    if !kind.is_place() {
        return None;
    }
    let is_destination = kind == ValueKind::Destination;
    match verb {
        Verb::Ls(_) | Verb::Tree(_) => Some(PlaceUse::There(Purpose::List)),
        Verb::Stat(_) | Verb::Cat(_) | Verb::Hash(_) | Verb::Probe(_) => Some(PlaceUse::There(Purpose::Read)),
        Verb::Job(JobVerb::Move(_)) if !is_destination => Some(PlaceUse::There(Purpose::Change)),
        Verb::Job(_) if kind == ValueKind::Source => Some(PlaceUse::There(Purpose::Read)),
        // Also where a sync keeps what it replaces.
        Verb::Job(_) | Verb::Mkdir(_) => Some(PlaceUse::Destination),
        Verb::Mv(_) if is_destination => Some(PlaceUse::NewName),
        Verb::Mv(_) | Verb::Rm(_) => Some(PlaceUse::There(Purpose::Change)),
        // Servers that are forgotten or tested, with or without a name.
        Verb::Sites(_)
        | Verb::Resume(_)
        | Verb::Retry(_)
        | Verb::Jobs(_)
        | Verb::Cancel(_)
        | Verb::Why(_)
        | Verb::Doctor(_)
        | Verb::Shell(_)
        | Verb::Completions(_)
        | Verb::Man(_) => None,
    }
}

/// Refuses standard input as a source: the lines themselves come from there.
pub(super) fn refuse_stdin(verb: &Command, arguments: &[String]) -> Result<(), Failure> {
    let values = values(verb, arguments);
    let reads = arguments.iter().zip(values).any(|(word, value)| match value {
        Some(value) if value.is_operand => word == "-" && value.kind() != ValueKind::Destination,
        Some(value) => value.kind() == ValueKind::File && word.get(value.at..) == Some("-"),
        None => false,
    });
    if reads {
        let what = format!("{} cannot read standard input: the script is there", verb.get_name());
        return Err(Failure::usage(what).hint("name the script with --file"));
    }
    Ok(())
}
