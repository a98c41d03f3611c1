//! The page: what people see. It works without JavaScript; with it rows and bars follow the events.

mod assets;
mod html;
mod job;
mod jobs;
mod layout;
mod login;
mod new;
mod picture;
mod tables;
mod words;

use super::api;
use super::call::{Answer, Call, Pairs, encode};
use super::error::Result;
use super::fleet::SeriesAction;
use super::route::Method::{Get, Post};
use super::route::{READ, Route, SUBMIT};
use crate::queue::JobChange;
use html::Html;
pub(crate) use layout::of_error;

#[cfg(test)]
pub(crate) use assets::STYLE;

/// The field of each form that has the secret of its session.
pub(crate) const SECRET: &str = "form-secret";

/// The routes for people.
pub(crate) const ROUTES: &[Route] = &[
    Route::page(Get, "/", READ, "Jobs", jobs::show).asks(&["state", "site", "owner", "limit", "after"]),
    Route::page(Get, "/jobs/{id}", READ, "A job", job::show).asks(&["files", "after"]),
    Route::page(Post, "/jobs/{id}/pause", SUBMIT, "Pause a job", |call| act(call, JobChange::Pause)),
    Route::page(Post, "/jobs/{id}/resume", SUBMIT, "Resume a job", |call| act(call, JobChange::Resume)),
    Route::page(Post, "/jobs/{id}/cancel", SUBMIT, "Cancel a job", |call| act(call, JobChange::Cancel)),
    Route::page(Post, "/jobs/{id}/retry", SUBMIT, "Carry again what failed", |call| {
        act(call, JobChange::Retry)
    }),
    Route::page(Get, "/new", SUBMIT, "A form for a job", new::show),
    Route::page(Post, "/new", SUBMIT, "Make or plan a job", new::send),
    Route::page(Get, "/pairs", READ, "Paths between sites", tables::pairs),
    Route::page(Get, "/workers", READ, "Workers", tables::workers),
    Route::page(Get, "/series", READ, "Schedules", tables::series),
    Route::page(Post, "/series/{id}/pause", SUBMIT, "Pause a schedule", |call| {
        act_series(call, SeriesAction::Pause)
    }),
    Route::page(Post, "/series/{id}/resume", SUBMIT, "Resume a schedule", |call| {
        act_series(call, SeriesAction::Resume)
    }),
    Route::page(Post, "/series/{id}/remove", SUBMIT, "Remove a schedule", |call| {
        act_series(call, SeriesAction::Remove)
    }),
    Route::page(Get, "/login", None, "A form for a token", login::show).asks(&["next"]),
    Route::page(Post, "/login", None, "Exchange a token for a cookie", login::send),
    Route::page(Get, "/logout", None, "A button to log out", login::ask_to_leave),
    Route::page(Post, "/logout", None, "End the session", login::leave),
    Route::page(Get, "/assets/{name}", None, "Style and script", assets::show),
];

fn act(call: &Call, action: JobChange) -> Result<Answer> {
    Pairs::parse(&call.body)?.only(&[SECRET])?;
    let job = api::change(call, action)?;
    Ok(Answer::See(job_link(&job.id), None))
}

fn act_series(call: &Call, action: SeriesAction) -> Result<Answer> {
    Pairs::parse(&call.body)?.only(&[SECRET])?;
    api::change_series(call, action)?;
    Ok(Answer::See("/series".to_owned(), None))
}

/// The page of a job.
fn job_link(id: &str) -> String {
    format!("/jobs/{}", encode(id))
}

/// A form that is only a button.
fn button(call: &Call, place: &str, text: &str, class: &str) -> Html {
    Html::of(
        r#"<form method="post" action="{}">{}<button class="{}">{}</button></form>"#,
        &[&place, &secret(call), &class, &text],
    )
}

/// The secret of the session, as a field of a form.
fn secret(call: &Call) -> Html {
    Html::of(r#"<input type="hidden" name="form-secret" value="{}">"#, &[&call.secret()])
}
