//! Dates for people.

use sotto_protocol::bundle::day_of;

/// A UTC day as `2026-11-24` (ISO 8601).
///
/// Years from 1970 on in the proleptic Gregorian calendar, by days since the first of March of year
/// 0, so that the leap day is the last of its year.
pub fn of_day(day: u32) -> String {
    const ERA: u64 = 146_097;
    let days = u64::from(day) + 719_468;
    let (era, of_era) = (days / ERA, days % ERA);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 {
        from_march + 3
    } else {
        from_march - 9
    };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

/// The UTC day of an instant in unix seconds.
pub fn of(now: u64) -> String {
    of_day(day_of(now))
}
