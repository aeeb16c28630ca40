// Parametric stand of the checkout: a 7-inch panel leaning back over a shelf where the card lies.
//
//   openscad -D 'reader="usb"' -o stand.stl stand.scad      a tray for a USB reader
//   openscad -D 'reader="pn532"' -o stand.stl stand.scad    a pocket under the shelf for a PN532
//
// Units: millimetres, degrees. The card's antenna must be within 15 mm of the PN532's and no metal
// between or right behind them: the shelf over the pocket is `skin` thick, the floor below is open.
// Print on the left side wall, 0.2 mm layers, 3 walls, no supports; PETG where it stands in the sun.

reader = "pn532";             // "pn532" or "usb"

/* [Panel] Raspberry Pi Touch Display (7 inch); measure yours */
panel = [194, 111];           // outer frame, 1 mm of play included
panel_depth = 8;              // frame behind the glass
panel_lip = 3;                // what holds the frame from the front
screen = [155, 88];           // what is seen
lean = 62;                    // of the panel from the table

/* [PN532] V3 board, 43 x 41, antenna side up */
board = [44, 42];
board_depth = 6;

/* [USB reader] ACR122U and ACR1252U: 98 x 65 x 13 */
usb = [99, 66];
usb_depth = 9;                // the reader stands out by the rest: the card is laid on it

/* [Body] */
wall = 4;
skin = 1.6;                   // over the antenna
shelf = 92;                   // depth of the shelf before the panel
shelf_height = 20;
cable = 14;                   // hole for cables in the back

width = panel[0] + 2 * (wall + panel_lip);
face = panel[1] + 2 * panel_lip + wall;
top = [face * cos(lean), face * sin(lean)];
ridge = 36;                   // depth at the top: the panel's frame and the hollow
foot = shelf + top[0] + ridge + 14;

// The side of the whole: table at the bottom, the shelf, the leaning face, the back.
module profile() {
    polygon([
        [0, 0], [foot, 0], [shelf + top[0] + ridge, shelf_height + top[1]],
        [shelf + top[0], shelf_height + top[1]], [shelf, shelf_height], [6, shelf_height], [0, 8],
    ]);
}

module body() {
    rotate([90, 0, 0]) linear_extrude(width, center = true) profile();
}

module hollow() {
    rotate([90, 0, 0]) linear_extrude(width - 2 * wall, center = true) difference() {
        offset(delta = -wall) profile();
        // Under the shelf the body stays whole: that holds the reader and gives it weight.
        translate([-1, -1]) square([shelf + 1, 200]);
    }
    // Open at the bottom behind the shelf: room for the Pi, its screws and the air.
    translate([shelf + wall, -width / 2 + wall, -1]) cube([foot - shelf - 30, width - 2 * wall, 12]);
}

// Looks along the face: x goes up the face, z out of it.
module on_face() {
    translate([shelf, 0, shelf_height]) rotate([0, -lean, 0]) rotate([0, 0, 180]) mirror([1, 0, 0])
        children();
}

module panel_opening() {
    on_face() translate([wall / 2 + panel_lip, 0, 0]) {
        // The frame drops in from behind; the window is what is seen.
        translate([0, -panel[0] / 2, -wall - panel_depth]) cube([panel[1], panel[0], wall + panel_depth - 2.4]);
        translate([(panel[1] - screen[1]) / 2, -screen[0] / 2, -wall - 1]) cube([screen[1], screen[0], 20]);
    }
}

module reader_place() {
    middle = shelf / 2 - 2;
    if (reader == "pn532") {
        // From below, up to the skin.
        translate([middle - board[0] / 2, -board[1] / 2, -1])
            cube([board[0], board[1], shelf_height - skin + 1]);
        // A groove for its four wires, to the room behind.
        translate([middle, -6, -1]) cube([shelf, 12, 9]);
        // Where the card is laid: the outline of a card, and the waves.
        translate([middle, 0, shelf_height - 0.8]) linear_extrude(2) {
            difference() {
                offset(r = 3.5) square([54 - 7, 86 - 7], center = true);
                offset(r = 2.3) square([54 - 7, 86 - 7], center = true);
            }
            for (r = [7, 12, 17]) difference() {
                circle(r, $fn = 64);
                circle(r - 1.4, $fn = 64);
                translate([-40, -20]) square([40, 40]);
            }
        }
    } else {
        translate([middle - usb[1] / 2, -usb[0] / 2, shelf_height - usb_depth])
            cube([usb[1], usb[0], 40]);
        translate([middle, -6, shelf_height - usb_depth + 1]) cube([shelf, 12, 6]);
    }
}

module cables() {
    translate([foot - 40, 0, 14]) rotate([0, 90, 0]) cylinder(h = 60, d = cable, $fn = 48);
}

color("#e4efe0") difference() {
    body();
    hollow();
    panel_opening();
    reader_place();
    cables();
}
