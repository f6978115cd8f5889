//! `schedule`: what is rotated when, and the program that sees to it.

mod command;
mod show;
mod units;
mod install;

pub(in crate::cli) use command::{ScheduleArgs, run};
