//! The timers that follow from the state of a session, whatever its last command was.

use crate::server::config::Timer;
use crate::server::context::Context;
use crate::server::sockets::listener::Listener;
use crate::timer::Moment;
use std::sync::Arc;

/// Sets these timers. `idle`: no command is running. `worked`: the end of the last transfer or digest, for
/// the grace of a server that stops.
pub(super) fn set(cx: &mut Context, idle: bool, worked: Option<Moment>) {
    let config = Arc::clone(&cx.config);
    let timeouts = &config.timeouts;
    let logged_in = cx.user().is_some();
    for (timer, due, wait) in
        [(Timer::Idle, idle && logged_in, timeouts.idle), (Timer::Login, !logged_in, timeouts.login)]
    {
        if !due {
            cx.timers.disarm(timer);
        } else if !cx.timers.is_armed(timer) {
            cx.arm(timer, wait);
        }
    }
    let oldest = cx.sockets.listeners().filter_map(Listener::held_since).min();
    let unused = cx.sockets.idle_since().filter(|_| idle);
    let kept = cx.sockets.kept.since().filter(|_| idle);
    let group = cx.groups.waits_since(idle, cx.now);
    for (timer, since, wait) in [
        (Timer::Held, oldest, timeouts.held),
        (Timer::Kept, kept, timeouts.kept),
        (Timer::Group, group, timeouts.group),
        (Timer::ListenIdle, unused, timeouts.listen_idle),
        (Timer::Stopping, worked, timeouts.stopping),
    ] {
        match since {
            Some(since) => cx.timers.arm(timer, since + wait),
            None => cx.timers.disarm(timer),
        }
    }
}
