#include "CPango.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stddef.h>

static text_image_calls calls;
static const text_image_calls *found;

// A name is looked for in the library and in all that it brings.
#define FIND(name)                                                                                 \
    do {                                                                                           \
        *(void **)&calls.name = dlsym(library, #name);                                             \
        if (calls.name == NULL) return;                                                            \
    } while (0)

static void open_once(void) {
    void *library = dlopen("libpangocairo-1.0.so.0", RTLD_NOW | RTLD_LOCAL);
    if (library == NULL) return;
    FIND(cairo_image_surface_create);
    FIND(cairo_surface_destroy);
    FIND(cairo_surface_flush);
    FIND(cairo_image_surface_get_data);
    FIND(cairo_image_surface_get_stride);
    FIND(cairo_create);
    FIND(cairo_destroy);
    FIND(cairo_status);
    FIND(cairo_font_options_create);
    FIND(cairo_font_options_destroy);
    FIND(cairo_font_options_set_antialias);
    FIND(cairo_font_options_set_hint_style);
    FIND(pango_cairo_create_layout);
    FIND(pango_cairo_show_layout);
    FIND(pango_cairo_context_set_font_options);
    FIND(pango_layout_get_context);
    FIND(pango_layout_get_pixel_size);
    FIND(pango_layout_get_unknown_glyphs_count);
    FIND(pango_layout_set_font_description);
    FIND(pango_layout_set_width);
    FIND(pango_layout_set_wrap);
    FIND(pango_layout_set_alignment);
    FIND(pango_layout_set_text);
    FIND(pango_font_description_new);
    FIND(pango_font_description_free);
    FIND(pango_font_description_set_family);
    FIND(pango_font_description_set_absolute_size);
    FIND(pango_font_description_set_weight);
    FIND(g_object_unref);
    found = &calls;
}

const text_image_calls *text_image_open(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, open_once);
    return found;
}
