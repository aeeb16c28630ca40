// Pango over Cairo: layouts of text, drawn into an image.
//
// The libraries are opened when the first text is drawn, not when the program starts: a checkout
// without a receipt printer does without them and the thirty that they bring (4 MB of memory).
// So the few calls that are used stand here as their manuals declare them.
#pragma once

/// Pango's units in one dot: PANGO_SCALE.
static const int text_image_scale = 1024;
/// CAIRO_FORMAT_A8, CAIRO_STATUS_SUCCESS, CAIRO_ANTIALIAS_NONE, CAIRO_HINT_STYLE_FULL.
static const int text_image_a8 = 2;
static const int text_image_success = 0;
static const int text_image_no_antialias = 1;
static const int text_image_full_hints = 4;
/// PANGO_WEIGHT_NORMAL and _BOLD, PANGO_WRAP_WORD_CHAR.
static const int text_image_normal = 400;
static const int text_image_bold = 700;
static const int text_image_wrap = 2;
/// PANGO_ALIGN_LEFT, _CENTER, _RIGHT.
static const int text_image_left = 0;
static const int text_image_centre = 1;
static const int text_image_right = 2;

typedef struct text_image_surface text_image_surface;
typedef struct text_image_context text_image_context;
typedef struct text_image_layout text_image_layout;
typedef struct text_image_font text_image_font;
typedef struct text_image_options text_image_options;

/// The calls, each with the name that the library gives it.
typedef struct {
    text_image_surface *(*cairo_image_surface_create)(int format, int width, int height);
    void (*cairo_surface_destroy)(text_image_surface *);
    void (*cairo_surface_flush)(text_image_surface *);
    unsigned char *(*cairo_image_surface_get_data)(text_image_surface *);
    int (*cairo_image_surface_get_stride)(text_image_surface *);
    text_image_context *(*cairo_create)(text_image_surface *);
    void (*cairo_destroy)(text_image_context *);
    int (*cairo_status)(text_image_context *);
    text_image_options *(*cairo_font_options_create)(void);
    void (*cairo_font_options_destroy)(text_image_options *);
    void (*cairo_font_options_set_antialias)(text_image_options *, int antialias);
    void (*cairo_font_options_set_hint_style)(text_image_options *, int style);
    text_image_layout *(*pango_cairo_create_layout)(text_image_context *);
    void (*pango_cairo_show_layout)(text_image_context *, text_image_layout *);
    void (*pango_cairo_context_set_font_options)(void *context, const text_image_options *);
    void *(*pango_layout_get_context)(text_image_layout *);
    void (*pango_layout_get_pixel_size)(text_image_layout *, int *width, int *height);
    int (*pango_layout_get_unknown_glyphs_count)(text_image_layout *);
    void (*pango_layout_set_font_description)(text_image_layout *, const text_image_font *);
    void (*pango_layout_set_width)(text_image_layout *, int width);
    void (*pango_layout_set_wrap)(text_image_layout *, int wrap);
    void (*pango_layout_set_alignment)(text_image_layout *, int alignment);
    void (*pango_layout_set_text)(text_image_layout *, const char *text, int length);
    text_image_font *(*pango_font_description_new)(void);
    void (*pango_font_description_free)(text_image_font *);
    void (*pango_font_description_set_family)(text_image_font *, const char *family);
    void (*pango_font_description_set_absolute_size)(text_image_font *, double size);
    void (*pango_font_description_set_weight)(text_image_font *, int weight);
    void (*g_object_unref)(void *);
} text_image_calls;

/// Opens the libraries once; NULL when they are not on this machine. Any thread.
const text_image_calls *text_image_open(void);
