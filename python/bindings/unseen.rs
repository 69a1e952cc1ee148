//! Which characters can't be seen, or move others: from Unicode's own tables.

use icu_properties::CodePointSetData;
use icu_properties::props::{BidiControl, DefaultIgnorableCodePoint};
use pyo3::prelude::*;

/// The code points with the property Default_Ignorable_Code_Point or Bidi_Control, as ranges with both ends.
#[pyfunction]
pub(crate) fn unseen_code_points() -> Vec<(u32, u32)> {
    let ignorable = CodePointSetData::new::<DefaultIgnorableCodePoint>();
    let directional = CodePointSetData::new::<BidiControl>();
    ignorable
        .iter_ranges()
        .chain(directional.iter_ranges())
        .map(|range| (*range.start(), *range.end()))
        .collect()
}
