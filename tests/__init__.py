"""Tests of the product; they mirror the packages."""
