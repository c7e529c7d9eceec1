#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Drives the picture in a browser: browser.py PERFCTL MAKE-PROFILE. Exits 77 where none is there.

Opened alone, the flame graph must zoom, search, reset, flip, be walked by keyboard, and show names
that would like to be markup as text; as an image inside a page it must be drawn without its script.
"""

import os
import shutil
import subprocess
import sys
import tempfile

SKIP = 77
FLAGS = """--headless --no-sandbox --disable-gpu --disable-quic --no-first-run
--disable-background-networking --disable-component-update --disable-sync --hide-scrollbars --allow-file-access-from-files
--window-size=1300,900""".split()

try:
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys
except ImportError:
    print("skipped: no python3-selenium")
    sys.exit(SKIP)


class Picture:
    """The picture as a person has it: what is seen, pointed at, and typed."""

    def __init__(self, driver, path):
        self.driver = driver
        driver.get("file://" + path)
        self.svg = driver.find_element(By.CSS_SELECTOR, "svg[data-ready]")

    def names(self):
        return [e.text for e in self.driver.find_elements(By.CSS_SELECTOR, "g.names text")]

    def text(self, selector):
        return self.driver.find_element(By.CSS_SELECTOR, selector).text

    def point(self, name):
        for element in self.driver.find_elements(By.CSS_SELECTOR, "g.names text"):
            if element.text == name:
                webdriver.ActionChains(self.driver).move_to_element(element).perform()
                return
        raise AssertionError("no box is called " + name)

    def click(self, name):
        self.point(name)
        webdriver.ActionChains(self.driver).click().perform()

    def type(self, *keys):
        for key in keys:
            webdriver.ActionChains(self.driver).send_keys(key).perform()

    def zoomed(self):
        return self.svg.get_attribute("data-zoom")

    def y_of(self, name):
        for element in self.driver.find_elements(By.CSS_SELECTOR, "g.names text"):
            if element.text == name:
                return float(element.get_attribute("y"))
        raise AssertionError("no box is called " + name)


def expect(what, got, wanted):
    if got != wanted:
        raise AssertionError("%s: got %r, wanted %r" % (what, got, wanted))


def check_zoom(picture):
    assert "walk" in picture.names()
    picture.click("loop")
    expect("zoom", picture.zoomed(), "loop")
    assert "walk" not in picture.names(), "what is beside the zoomed function is gone"
    assert "main" in picture.names(), "its callers stay"
    picture.click("main")
    expect("zoom out to a caller", picture.zoomed(), "main")
    picture.type(Keys.ESCAPE)
    expect("reset", picture.zoomed(), "all")
    assert "walk" in picture.names()


def check_search(picture):
    picture.type("/", "^(find|walk)$")
    # 65 + 12 of 132, recursion counted once.
    expect("share", picture.text(".found"), "58.3 % matched")
    hits = picture.driver.find_elements(By.CSS_SELECTOR, "path.hit")
    assert hits, "matches are drawn in a colour of their own"
    picture.type(Keys.ESCAPE)
    expect("after reset", picture.text(".found"), "")
    assert not picture.driver.find_elements(By.CSS_SELECTOR, "path.hit")
    webdriver.ActionChains(picture.driver).key_down(Keys.CONTROL).send_keys("f").key_up(
        Keys.CONTROL).perform()
    picture.type("HASH")
    expect("a capital is meant", picture.text(".found"), "0.0 % matched")
    picture.type(Keys.ESCAPE, "/", "(")
    assert "bad" in picture.driver.find_element(By.CSS_SELECTOR, ".search").get_attribute("class")
    picture.type(Keys.ESCAPE)
    picture.driver.find_element(By.CSS_SELECTOR, ".search").click()
    picture.type("hash")
    expect("share", picture.text(".found"), "49.2 % matched")
    picture.driver.find_elements(By.CSS_SELECTOR, ".bar button")[0].click()
    expect("after the button", picture.text(".found"), "")


def check_tooltip(picture):
    picture.point("hash")
    tip = picture.text(".tip")
    for part in ["hash", "inlined", "server", "src/server.c:17", "65 samples",
                 "49.2 % of all", "self 49.2 %"]:
        assert part in tip, "the tooltip lacks %r: %r" % (part, tip)
    assert "hash" in picture.text(".status")


def check_keyboard(picture):
    picture.type(Keys.ESCAPE, Keys.HOME, Keys.ARROW_UP)
    assert "server" in picture.text(".tip"), "up goes to the widest callee"
    picture.type(Keys.ARROW_LEFT)
    assert "python3" in picture.text(".tip")
    picture.type(Keys.ARROW_RIGHT, Keys.ARROW_UP, Keys.ENTER)
    expect("zoom by keyboard", picture.zoomed(), "_start")
    picture.type(Keys.ARROW_DOWN)
    assert "server" in picture.text(".tip"), "down goes to the caller"
    picture.type(Keys.ESCAPE)


def check_flip(picture):
    assert picture.y_of("main") < picture.y_of("_start")
    picture.type("i")
    assert picture.y_of("main") > picture.y_of("_start")
    picture.click("loop")
    expect("zoom after flip", picture.zoomed(), "loop")
    picture.type(Keys.ESCAPE, "i")


def check_hostile_names(picture):
    expect("alerts", picture.driver.execute_script("return window.wasHit"), None)
    expect("scripts", len(picture.driver.find_elements(By.CSS_SELECTOR, "script")), 1)
    picture.type("/", "alert")
    expect("share", picture.text(".found"), "3.0 % matched")
    picture.type(Keys.ESCAPE)


def check_quiet(picture):
    entries = picture.driver.execute_script(
        "return performance.getEntriesByType('resource').length")
    expect("requests", entries, 0)
    expect("messages", picture.driver.get_log("browser"), [])


def check_image(driver, directory):
    """As an image no script runs: the boxes must be there all the same."""
    page = os.path.join(directory, "page.html")
    with open(page, "w", encoding="utf-8") as out:
        out.write("<!doctype html><img id=i src=out.svg>"
                  "<canvas id=c width=1200 height=400></canvas>")
    driver.get("file://" + page)
    size = driver.execute_script("return [i.naturalWidth, i.complete]")
    expect("size of the image", size, [1200, True])
    colours = driver.execute_script("""
        const ink = c.getContext("2d");
        ink.drawImage(i, 0, 0);
        return [[600, 228], [600, 5]].map(([x, y]) => [...ink.getImageData(x, y, 1, 1).data]);""")
    red, green, blue, _ = colours[0]
    assert red > green > blue, "the box of 'main' has the colour of user code: %r" % colours[0]
    expect("the page beside the boxes", colours[1], [255, 255, 255, 255])


def main():
    perfctl, make_profile = sys.argv[1:3]
    browser, driver_path = shutil.which("chromium"), shutil.which("chromedriver")
    if not browser or not driver_path:
        print("skipped: no chromium or no chromedriver")
        return SKIP
    with tempfile.TemporaryDirectory() as directory:
        native, svg = os.path.join(directory, "in.pb.gz"), os.path.join(directory, "out.svg")
        with open(native, "wb") as out:
            subprocess.run([make_profile], stdout=out, check=True)
        subprocess.run([perfctl, "flame", native, "-o", svg], check=True)
        options = webdriver.ChromeOptions()
        options.binary_location = browser
        for flag in FLAGS + ["--user-data-dir=" + os.path.join(directory, "browser")]:
            options.add_argument(flag)
        driver = webdriver.Chrome(service=Service(driver_path), options=options)
        try:
            picture = Picture(driver, svg)
            for check in [check_hostile_names, check_zoom, check_search, check_tooltip,
                          check_keyboard, check_flip, check_quiet]:
                check(picture)
                print("ok:", check.__name__)
            check_image(driver, directory)
            print("ok: check_image")
        finally:
            driver.quit()
    return 0


if __name__ == "__main__":
    sys.exit(main())
