//! The part of a policy that says when a phone asks (SPEC 5.7).

use serde::{Deserialize, Serialize};

use crate::limits::SCHEDULE_SECONDS_MAX;

/// Timings of the schedule of a phone (SPEC 5.7), in seconds, each from 1 to
/// [`SCHEDULE_SECONDS_MAX`]. A field that is left out has its default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[expect(
    clippy::struct_field_names,
    reason = "the names in JSON carry their unit"
)]
pub struct ScheduleTimings {
    /// How long the schedule is dense after the app was opened.
    pub early_seconds: u64,
    /// Between two draws in that time.
    pub draw_seconds: u64,
    /// Between two draws afterwards; at least as long.
    pub later_draw_seconds: u64,
    /// Between two posts in that time.
    pub post_seconds: u64,
    /// Between two posts afterwards; at least as long.
    pub later_post_seconds: u64,
}

impl Default for ScheduleTimings {
    fn default() -> Self {
        Self {
            early_seconds: 180,
            draw_seconds: 45,
            later_draw_seconds: 120,
            post_seconds: 15,
            later_post_seconds: 60,
        }
    }
}

impl ScheduleTimings {
    pub(super) fn is_sound(self) -> bool {
        let all = [
            self.early_seconds,
            self.draw_seconds,
            self.later_draw_seconds,
            self.post_seconds,
            self.later_post_seconds,
        ];
        // Growing intervals keep jittered moments in order.
        all.iter()
            .all(|seconds| (1..=SCHEDULE_SECONDS_MAX).contains(seconds))
            && self.draw_seconds <= self.later_draw_seconds
            && self.post_seconds <= self.later_post_seconds
    }
}
