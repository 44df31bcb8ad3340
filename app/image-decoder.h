/* Gives the engine the picture decoders of core/imaging, which it must not know itself. */
#pragma once

/* Before the first session is made; may be called again. */
void gonio_image_decoder_install (void);
