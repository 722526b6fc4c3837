"""The page that makes or opens a project, before there are any others."""

DOCUMENT = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>BarlowMatch</title>
<meta name="viewport" content="width=device-width, initial-scale=1, viewport-fit=cover">
<link rel="icon" href="data:,">
<link rel="stylesheet" href="workbench/workbench.css">
<link rel="stylesheet" href="workbench/project.css">
<link rel="stylesheet" href="workbench/opening.css">
</head>
<body>
<div class="wb op" data-page="opening"><div class="wb-notice"><p>One moment…</p></div></div>
<script type="module">
import { mount } from "./workbench/opening.js";
mount(document.querySelector(".wb"));
</script>
</body>
</html>
"""
