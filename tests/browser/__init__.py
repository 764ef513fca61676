"""The pages in a real Chromium: what a template test cannot see."""
