/* zstd frames: the one place that makes them and takes them apart. Knows nothing of what is in them. */
#ifndef PROTOCOL_COMPRESS_H
#define PROTOCOL_COMPRESS_H

#include "protocol/codec.h"

/* Memory that many small pieces share: making it anew costs more than compressing one of them. */
struct compressor;
CHECKED enum status compressor_new(struct compressor **out); /* NO_MEMORY */
void compressor_free(struct compressor *compressor);         /* NULL harmless */

/* Replaces what out holds by one frame of raw; where that would be longer than bytes_most, out is empty. With a compressor quickly, for a disk; with NULL as
 * well as can be had for a line, which is slower than any of it. NO_MEMORY, TOO_LARGE (bytes_most is past out's own bound). */
CHECKED enum status compress_frame(struct compressor *compressor, struct bytes raw, size_t bytes_most, struct buffer *out);
/* How many bytes the frame says it holds; 0: it is no frame, or does not say. */
size_t compress_frame_bytes(struct bytes frame);
/* Appends what exactly one frame holds, which must be raw_len bytes, as it says itself: nothing is allocated before that is known, and then no more.
 * compressor may be NULL: memory for this once. COMPRESSION_BAD, NO_MEMORY, TOO_LARGE; out is as it was then. */
CHECKED enum status compress_expand(struct compressor *compressor, struct bytes frame, size_t raw_len, struct buffer *out);

#endif
