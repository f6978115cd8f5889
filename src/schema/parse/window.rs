//! `window` of a rotation.

use jiff::civil::{Time, Weekday};
use jiff::tz::TimeZone;

use crate::schema::window::Window;

use super::context::Context;
use super::target::require;
use super::tree::{Key, Node, Value};

const WINDOW_KEYS: [&str; 4] = ["days", "from", "to", "zone"];

/// The shortest window, in minutes: a scheduler that looks every quarter of an hour must not miss it.
const SHORTEST: i32 = 30;

/// Reads `{ days = ["tue"], from = "02:00", to = "05:00", zone = "Europe/Berlin" }`.
pub(super) fn window(context: Context<'_>, at: &Key<'_>, value: &Value<'_>) -> Option<Window> {
    let table = context.table(at, value)?;
    let mut days = Some(Window::DAYS.map(|(_, day)| day).to_vec());
    let (mut from, mut to, mut zone) = (None, None, None);
    for (key, value) in table.iter() {
        match key.get_ref().as_ref() {
            "days" => days = self::days(context, key, value),
            "from" => from = clock(context, key, value),
            "to" => to = clock(context, key, value),
            "zone" => zone = self::zone(context, key, value),
            _ => context.unknown_key(key, &WINDOW_KEYS),
        }
    }
    // A zone that is left out would be somebody's guess, and another one's another.
    require(context, at, table, &["from", "to", "zone"]);
    let window = Window { days: days?, from: from?, to: to?, zone: zone? };
    check_length(context, value, &window);
    Some(window)
}

fn days(context: Context<'_>, key: &Key<'_>, value: &Value<'_>) -> Option<Vec<Weekday>> {
    let words = context.texts(key, value)?;
    let Node::Array(items) = value.get_ref() else { return None };
    let find = |word: &str| Window::DAYS.iter().position(|(name, _)| *name == word);
    for (word, item) in words.iter().zip(items).filter(|(word, _)| find(word).is_none()) {
        context.unknown_word("a day", word, item, &Window::DAYS.map(|(name, _)| name));
    }
    let mut found: Vec<usize> = words.iter().filter_map(|word| find(word)).collect();
    found.sort_unstable();
    found.dedup();
    if words.is_empty() {
        context.error(&value.span(), "`days` names no day: leave it out for every day");
    }
    let found: Vec<Weekday> = found.into_iter().map(|index| Window::DAYS[index].1).collect();
    (!found.is_empty()).then_some(found)
}

/// An hour such as 02:00; the end of a day is 24:00 or 00:00.
fn clock(context: Context<'_>, key: &Key<'_>, value: &Value<'_>) -> Option<Time> {
    let text = context.text(key, value)?;
    let is_end = key.get_ref() == "to" && text == "24:00";
    let time = if is_end { Some(Time::midnight()) } else { hour_and_minute(text) };
    if time.is_none() {
        context.error(&value.span(), format!("`{}` must be an hour such as 02:00 or 23:30", key.get_ref()));
    }
    time
}

fn hour_and_minute(text: &str) -> Option<Time> {
    let (hour, minute) = text.split_once(':')?;
    let number = |digits: &str| -> Option<i8> {
        (digits.len() == 2 && digits.bytes().all(|byte| byte.is_ascii_digit()))
            .then(|| digits.parse().ok())?
    };
    Time::new(number(hour)?, number(minute)?, 0, 0).ok()
}

fn zone(context: Context<'_>, key: &Key<'_>, value: &Value<'_>) -> Option<TimeZone> {
    let name = context.text(key, value)?;
    let zone = Window::zone(name);
    if zone.is_none() {
        let hint = "name a place of the IANA database, such as Europe/Berlin, or UTC";
        context.error_with(&value.span(), format!("`{name}` is not a time zone"), Some(hint.to_owned()));
    }
    zone
}

fn check_length(context: Context<'_>, value: &Value<'_>, window: &Window) {
    let minutes = |time: Time| i32::from(time.hour()) * 60 + i32::from(time.minute());
    let length = (minutes(window.to) - minutes(window.from)).rem_euclid(24 * 60);
    if window.from == window.to {
        context.error(&value.span(), "`window` never opens: leave it out for any hour");
    } else if length < SHORTEST {
        context
            .error(&value.span(), "`window` is shorter than 30 minutes, so that a scheduler could miss it");
    }
}
