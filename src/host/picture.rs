//! Pictures: a grid of colours as a PNG file.

use std::io::Write;

use super::Outcome;
use crate::bytecode::trap::TrapCode;
use crate::machine::host_call::HostCall;
use crate::machine::trap::Fault;

/// `write_png(path, image)`
pub(super) fn write_png(call: &mut HostCall) -> Outcome {
    let (path, image) = (call.text(0), call.elements(1));
    let (rows, cols) = (image.rows(), image.cols());
    let size = (u32::try_from(cols), u32::try_from(rows));
    let (Ok(width @ 1..), Ok(height @ 1..)) = size else {
        let message = format!("a picture of {rows} rows and {cols} columns");
        return Err(Fault::trap(TrapCode::InvalidArgument, message));
    };
    call.check_room((rows as u64).saturating_mul(cols as u64).saturating_mul(4))?;
    let mut file = Vec::new();
    let failed = |error: png::EncodingError| {
        Fault::trap(TrapCode::File, format!("can't make a picture of {rows} rows and {cols} columns: {error}"))
    };
    let mut encoder = png::Encoder::new(&mut file, width, height);
    encoder.set_color(png::ColorType::Rgb);
    let mut encoder = encoder.write_header().map_err(failed)?;
    let mut out = encoder.stream_writer().map_err(failed)?;
    let mut line = Vec::with_capacity(3 * cols);
    for row in 0..rows {
        line.clear();
        for (col, &pixel) in image.row(row).ints().iter().enumerate() {
            let Ok(pixel @ 0..=0xff_ffff) = u32::try_from(pixel) else {
                let message = format!("pixel {pixel} in row {row}, column {col}: one is 0 to 0xFFFFFF");
                return Err(Fault::trap(TrapCode::InvalidArgument, message));
            };
            line.extend_from_slice(&pixel.to_be_bytes()[1..]);
        }
        out.write_all(&line).map_err(|error| failed(error.into()))?;
        call.poll()?;
    }
    out.finish().map_err(failed)?;
    drop(encoder);
    call.world().write_file(path, &file)
}
