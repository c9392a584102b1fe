//! Sizes and durations as arguments, and how much memory the machine has.

use std::fs::File;
use std::io::Read;
use std::time::Duration;

/// `512M`, `1.5G`, `4096`: bytes, with a suffix K, M, G or T for powers of 1,024.
pub fn parse_size(text: &str) -> Result<u64, String> {
    let explain = || "a size is a number of bytes, or a number and K, M, G or T: 512M".to_owned();
    let trimmed = text.trim_end_matches(['B', 'b']).trim_end_matches('i');
    let (digits, shift) = match trimmed.chars().last().map(|c| c.to_ascii_uppercase()) {
        Some('K') => (&trimmed[..trimmed.len() - 1], 10),
        Some('M') => (&trimmed[..trimmed.len() - 1], 20),
        Some('G') => (&trimmed[..trimmed.len() - 1], 30),
        Some('T') => (&trimmed[..trimmed.len() - 1], 40),
        _ => (trimmed, 0),
    };
    if !digits.starts_with(|c: char| c.is_ascii_digit()) || digits.contains(['e', 'E']) {
        return Err(explain());
    }
    let bytes = digits.parse::<f64>().map_err(|_| explain())? * (1u64 << shift) as f64;
    if bytes < 1.0 {
        return Err("the size must be at least one byte".to_owned());
    }
    Ok(bytes as u64)
}

/// A size for people: `512 MiB`, `1.5 GiB`, `100 bytes`.
pub fn show_size(bytes: u64) -> String {
    const UNITS: [(&str, u32); 3] = [("GiB", 30), ("MiB", 20), ("KiB", 10)];
    match UNITS.iter().find(|(_, shift)| bytes >> shift > 0) {
        None => format!("{bytes} bytes"),
        Some((unit, shift)) => {
            let tenths = (bytes as f64 / (1u64 << shift) as f64 * 10.0).round() / 10.0;
            format!("{tenths} {unit}")
        }
    }
}

/// `2`, `0.5`: seconds.
pub fn parse_seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse::<f64>().ok().filter(|&s| s > 0.0);
    seconds
        .and_then(|s| Duration::try_from_secs_f64(s).ok())
        .ok_or_else(|| "a time is a positive number of seconds: 2.5".to_owned())
}

/// A whole number that may be written with `_`.
pub fn parse_count(text: &str) -> Result<u64, String> {
    text.replace('_', "").parse::<u64>().ok().filter(|&n| n > 0).ok_or_else(|| "a positive number".to_owned())
}

/// The memory limit of a run that is given none: three quarters of what the machine (or its container) has.
pub fn default_memory() -> u64 {
    /// Where the system does not tell how much there is.
    const ASSUMED: u64 = 8 << 30;
    let of_machine = first_line("/proc/meminfo").and_then(|line| {
        line.strip_prefix("MemTotal:")?.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
    });
    let of_container = first_line("/sys/fs/cgroup/memory.max").and_then(|line| line.parse().ok());
    let total = [of_machine, of_container].into_iter().flatten().min().unwrap_or(ASSUMED);
    total / 4 * 3
}

/// The first line of a file of the system, read at once: start-up time counts.
fn first_line(path: &str) -> Option<String> {
    let mut bytes = [0; 256];
    let length = File::open(path).ok()?.read(&mut bytes).ok()?;
    str::from_utf8(&bytes[..length]).ok()?.lines().next().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_and_shown() {
        for (text, bytes) in [("1", 1), ("64K", 65_536), ("512m", 512 << 20), ("1.5GiB", 3 << 29), ("2MB", 2 << 20)] {
            assert_eq!(parse_size(text), Ok(bytes), "{text}");
        }
        for text in ["", "M", "-1", "0", "1X", "1e9", "inf", "nan", "0.1"] {
            assert!(parse_size(text).is_err(), "{text}");
        }
        assert_eq!([100, 2048, 3 << 29].map(show_size), ["100 bytes", "2 KiB", "1.5 GiB"]);
    }

    #[test]
    fn times_are_read() {
        assert_eq!(parse_seconds("0.5"), Ok(Duration::from_millis(500)));
        for text in ["", "0", "-1", "nan", "inf", "1e300", "x"] {
            assert!(parse_seconds(text).is_err(), "{text}");
        }
    }
}
