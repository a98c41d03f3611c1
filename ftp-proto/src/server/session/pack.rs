//! PACK: what each of its words begins.

use super::work::Work;
use crate::command::Pack;
use crate::server::context::Context;
use crate::server::files;
use crate::server::transfer::pack;
use crate::wire::ByteRange;

/// Begins what the command asks for; REST or RANG has given `range`.
pub(super) fn begin(cx: &mut Context, work: &mut Work, command: Pack, range: ByteRange) {
    match command {
        Pack::Look(directory, names) => work.wait(files::pack::look(cx, &directory, names)),
        Pack::Same(directory, files) => work.wait(files::pack::same(cx, &directory, files)),
        Pack::Delete(directory, files) => work.wait(files::pack::delete(cx, &directory, files)),
        Pack::Send(directory, files) => work.transfer(pack::send(cx, &directory, files, range), cx),
        Pack::Store(group, directory, files) => {
            work.transfer(pack::store(cx, group, &directory, files, range), cx);
        }
        Pack::Keep(group, numbers) => work.wait(files::pack::keep(cx, group, numbers)),
        Pack::Drop(group) => work.wait(files::pack::drop_group(cx, group)),
    }
}
