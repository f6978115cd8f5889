//! Markdown pages written for people.
//!
//! A page is read line by line. Headings (and list items or bold lines that open a list) whose text is a group's title
//! say which group the labels below belong to; labels are secrets' titles, variables, or whole names.

mod block;
mod label;
mod page;
mod table;
mod titles;
mod value;

pub(super) use page::read;
