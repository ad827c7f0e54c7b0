"""Makes the files in this folder: small arrays as NumPy itself writes them, those that attnviz reads
and those that it refuses.

Needs the packages numpy (2.4.6 was used) and ml_dtypes (for bfloat16). The same numbers give the same
bytes. Run it in this folder: python3 make_numpy.py
"""

import pathlib

import ml_dtypes
import numpy as np

HERE = pathlib.Path(__file__).parent

ARRAYS = {
    # every dtype, with the numbers at its ends
    "f2": np.array([0.1, -0.0, 65504, np.inf], np.float16),
    "f4": np.array([0.1, -0.0, 3.4028235e38, -np.inf], np.float32),
    "f8": np.array([0.1, -0.0, 5e-324, 1.7976931348623157e308], np.float64),
    **{name: np.array([np.iinfo(name).min, 1, np.iinfo(name).max], name)
       for name in ("i1", "i2", "i4", "i8", "u1", "u2", "u4")},
    "b1": np.array([True, False, True]),
    # shapes
    "scalar": np.float32(2.5),
    "empty": np.zeros((0, 3), np.float32),
    "cube": np.arange(24, dtype=np.int32).reshape(2, 3, 4),
    "fortran": np.asfortranarray(np.arange(24, dtype=np.int32).reshape(2, 3, 4)),
    # strings
    "words": np.array(["The", " cat", "", "s\N{LATIN SMALL LETTER U WITH DIAERESIS}\u00df", "\N{CAT FACE}"]),
    "word": np.array("one"),
    "no_words": np.array([], str),
    # names
    "layer/0": np.array([1.5], np.float32),
    "gr\u00f6\u00dfe": np.array([2], np.int8),
}

np.savez(HERE / "arrays.npz", **ARRAYS)
np.savez_compressed(HERE / "compressed.npz", zeros=np.zeros((100, 100), np.float32), **ARRAYS)
np.savez(HERE / "none.npz")

np.save(HERE / "cube.npy", ARRAYS["cube"])
np.save(HERE / "fortran.npy", ARRAYS["fortran"])
np.save(HERE / "words.npy", ARRAYS["words"])
for version in (2, 3):
    with open(HERE / f"version_{version}.npy", "wb") as file:
        np.lib.format.write_array(file, ARRAYS["cube"], version=(version, 0))

# These are refused.
np.save(HERE / "objects.npy", np.array([1, "two", None], object), allow_pickle=True)
np.save(HERE / "bfloat16.npy", np.array([1.5], ml_dtypes.bfloat16))
np.save(HERE / "structures.npy", np.array([(1, 2.0)], [("a", "<i4"), ("b", "<f4")]))
np.save(HERE / "complex.npy", np.array([1 + 2j], np.complex64))
np.save(HERE / "big_endian.npy", np.array([1.5], ">f4"))
np.save(HERE / "u8.npy", np.array([1], np.uint64))
np.save(HERE / "bytes.npy", np.array([b"one"]))
np.save(HERE / "dates.npy", np.array(["2000-01-01"], "M8[D]"))
np.save(HERE / "words_2d.npy", np.array([["a", "b"], ["c", "d"]]))
