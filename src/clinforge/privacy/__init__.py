"""Identifiers of people in text.

text ─▶ detect ─▶ spans
"""
